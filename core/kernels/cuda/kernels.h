#pragma once

#include "core/kernels/cuda/call.h"

// The kernels that were compiled, by the numbers that they were compiled for. A function is null
// where there is none.
namespace hub::kernels::cuda {

// matvec.cuh: up to 8 rows of x.
struct MatvecKind {
  Number x;  // bfloat16 or float16
  Number scales;
  int bits;   // 4 or 8
  int tiles;  // of 16 rows of the weight in a block: 1 or 2
  int ahead;  // spans in flight: 1, 2 or 4
};

// matmul.cuh.
struct MatmulKind {
  Number x;
  Number scales;
  int bits;
  int tiles;   // of 8 rows of x
  int across;  // units of 64 columns at once
  int down;    // times 32 rows of the weight
  int stages;
};

const void* matvec_function(const MatvecKind& kind);
const void* matmul_function(const MatmulKind& kind);

inline constexpr int kDequantizeWords = 2;

// dequantize.cuh.
struct DequantizeKind {
  Number matrix = Number::kBfloat16;  // or float16
  Number scales = Number::kBfloat16;
  int bits = 4;                  // or 8
  int words = kDequantizeWords;  // of a thread
};

struct DequantizeFunction {
  const void* function = nullptr;
  unsigned threads = 0;
  unsigned words = 0;  // of a block
};
DequantizeFunction dequantize_function(const DequantizeKind& kind);

}  // namespace hub::kernels::cuda

#pragma once

#include <mlx/array.h>

#include "core/kernels/quantized_matmul.h"

namespace hub::kernels {

// A QuantizedWeight W [N, K] in the order in which int8_matmul() reads it: blocks of 16 rows of W,
// the last one filled up with zeros, in a block all of K in turn. Evaluated.
struct InterleavedWeight {
  // uint8 [blocks, K / 32, 64 * bits]. 8 bits: [K / 4][16 rows][4 of K]. 4 bits: of two such
  // [16 rows][4 of K] one after the other the first is in the low halves, the second in the high
  // halves of 64 bytes.
  mx::array fields;
  mx::array scales;  // [blocks, K / group_size, 16], float16 or float32
  mx::array biases;  // as scales
  int rows;          // N
  int columns;       // K
  int group_size;
  int bits;

  [[nodiscard]] std::size_t nbytes() const;
};

// Whether interleaved() takes such a weight: groups of 32, 64 or 128, 4 or 8 bits.
bool can_interleave(int group_size, int bits);

// Throws base::Error kInvalidArgument for a weight that it does not take, and where the default
// device is no CPU.
InterleavedWeight interleaved(const QuantizedWeight& w);

// The fields, scales and biases of W as they were: packed [N, K * bits / 32] and so on.
struct PlainWeight {
  mx::array packed;
  mx::array scales;
  mx::array biases;
};
PlainWeight plain(const InterleavedWeight& w);

// x [M, K] float32 -> x W^T [M, N] float32 with x rounded to 8 bits: each 32 elements of a row
// become round(x / d) with d = max |x| / 127. Their products with the fields of W are summed as
// integers, and y is the sum over these steps, in order, of d scale (sum of products) + d bias (sum
// of x / d). Steps whose largest magnitude is below 1e-30 count as zeros; one that is not finite
// makes its row NaN.
//
// An output row has the same bits whatever the other rows, their number, the number of threads and
// the CpuLevel. Not differentiable: asking for a gradient throws base::Error kInvalidArgument, as
// do shapes or dtypes that do not fit. Builds a graph only; belongs to the thread that owns MLX.
mx::array int8_matmul(const mx::array& x, const InterleavedWeight& w);

}  // namespace hub::kernels

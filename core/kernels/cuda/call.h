#pragma once

#include <cstdint>

// What a launch of the CUDA kernels is told; plain C++, so that choosing and launching compile
// without nvcc.
namespace hub::kernels::cuda {

enum class Number { kBfloat16, kFloat16, kFloat32 };

// y [rows, outputs] = x [rows, columns] W^T, W packed as core/kernels/quantized_matmul.h says. All
// pointers are the device's; x and packed are aligned to 16 bytes, x_stride is a multiple of 8.
struct MatmulCall {
  const void* x;                // bfloat16 or float16
  const std::uint32_t* packed;  // [outputs, columns * bits / 32]
  const void* scales;           // [outputs, columns / group]
  const void* biases;           // as scales
  void* y;                      // as x
  int rows;
  int outputs;
  int columns;
  std::int64_t x_stride;  // elements from a row of x to the next
  int group_shift;        // log2 of the group's size: 5, 6 or 7
};

// matrix [outputs, columns] unpacked.
struct DequantizeCall {
  const std::uint32_t* packed;
  const void* scales;
  const void* biases;
  void* matrix;
  std::int64_t words;  // of `packed`
  int group_shift;
};

// Bytes from a row's scales to the next row's in a block's shared memory: an odd number of times
// 16, so that eight rows meet in no bank.
constexpr int scale_pitch(int groups, int scale_bytes) {
  const int pieces = (groups * scale_bytes + 15) / 16;
  return (pieces + 1 - pieces % 2) * 16;
}

// The shared memory of a block of matmul.cuh besides the scales: its ring, later its sums.
constexpr int matmul_ring_bytes(int bits, int tiles, int across, int down, int stages) {
  const int unit = 8 * bits;
  const int row = across * unit + (across % 2 == 0 ? unit : 0);
  const int ring = stages * (down * 32 * row + tiles * 8 * (across * 128 + 16));
  const int sums = across * down * tiles * 8 * (32 + 4) * 4;
  return ring > sums ? ring : sums;
}

// A kernel and how it is to be started. `params` of a launch is a pointer to the call.
struct Launch {
  const void* function = nullptr;  // a __global__ function's symbol; null: there is none
  unsigned grid_x = 1;
  unsigned grid_y = 1;
  unsigned threads = 1;
  unsigned shared_bytes = 0;
};

}  // namespace hub::kernels::cuda

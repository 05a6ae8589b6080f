#pragma once

#include <cstdint>

#include "core/kernels/cpu_level.h"
#include "core/kernels/cpu_ops.h"

namespace hub::kernels {

// Elements of K whose products are summed as integers before they become a float, and that share
// the step of a quantized x. Part of the arithmetic.
inline constexpr int kInt8Step = 32;
// Columns of y (rows of W) that lie interleaved.
inline constexpr int kInt8Columns = 16;
// Rows of x that lie together.
inline constexpr int kInt8Panel = 16;

// x [rows, columns] in 8 bits: panels of kInt8Panel rows, in each the steps of K, in each step the
// rows, all of them, whether they exist or not. A row has kInt8Step values and two factors: the
// step d of the values, and d times the sum of the values.
struct Int8Rows {
  std::int8_t* values;
  float* factors;
  int columns;

  [[nodiscard]] std::int64_t place(int row, int step) const {
    const std::int64_t steps = columns / kInt8Step;
    return (row / kInt8Panel * steps + step) * kInt8Panel + row % kInt8Panel;
  }
};

// Plain pointers to an interleaved weight; see int8_matmul.h.
struct InterleavedRows {
  const std::uint8_t* fields;
  const void* scales;  // float or IEEE half
  const void* biases;
  bool half_scales;
  int rows;  // that exist
  int columns;
  int group_size;
  int bits;
};

// What int8_matmul() calls, compiled once per level. An element has the same bits at every level
// and however the operation was parted.
struct Int8Ops {
  // Row r of x [rows, columns] -> row r of `quantized`. columns % kInt8Step == 0.
  void (*quantize)(const float* x, const Int8Rows& quantized, Range rows);
  // y[m, n] of the quantized rows m and the blocks of columns [blocks.begin, blocks.end); y has
  // w.rows columns. m.begin is a multiple of kInt8Panel.
  void (*dot)(const Int8Rows& x, const InterleavedRows& w, float* y, Range m, Range blocks);
};

// The best of the level and of what the machine has: with kAvx512 that is AVX-512 VNNI, if it is
// there.
const Int8Ops& int8_ops(CpuLevel level);

// One each, in int8_ops_<name>.cpp.
const Int8Ops& portable_int8_ops();
const Int8Ops& avx2_int8_ops();
const Int8Ops& vnni_int8_ops();

}  // namespace hub::kernels

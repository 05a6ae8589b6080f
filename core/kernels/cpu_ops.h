#pragma once

#include <cstdint>

#include "core/kernels/cpu_level.h"

namespace hub::kernels {

// Elements of K that one partial sum of a dot product covers. Part of the summation order.
inline constexpr int kDotBlock = 1024;
// Rows of W that one partial sum of x W covers. Part of the summation order.
inline constexpr int kOuterBlock = 256;
// The most rows and columns of W that one call may cover: what its scratch holds.
inline constexpr int kPanelRows = 96;
inline constexpr int kStripColumns = 64;
inline constexpr int kDotScratch = kPanelRows * kDotBlock;         // floats
inline constexpr int kOuterScratch = kOuterBlock * kStripColumns;  // floats

// Plain pointers to a packed weight [rows, columns]; see quantized_matmul.h.
struct PackedRows {
  const std::uint32_t* words;
  const void* scales;  // float or IEEE half
  const void* biases;
  bool half_scales;
  int columns;
  int group_size;
  int bits;
};

struct DenseRows {
  const float* data;  // row-major [rows, columns]
  int columns;
};

// A half-open range of rows (or columns).
struct Range {
  int begin;
  int end;
};

// What the primitives call, compiled once per CpuLevel. All of them work on a part of an operation,
// allocate nothing, and give an element the same bits however the operation was parted.
struct CpuOps {
  // y[m, n] = sum_k x[m, k] W[n, k]. x has W.columns per row, y `y_columns`.
  // For 4 bits x must have been through mix_rows. n: at most kPanelRows; scratch: kDotScratch.
  void (*packed_dot)(
      const float* x,
      const PackedRows& w,
      float* y,
      int y_columns,
      Range m,
      Range n,
      float* scratch);
  void (*dense_dot)(const float* x, const DenseRows& w, float* y, int y_columns, Range m, Range n);
  // Brings each 32 elements into the order in which 4-bit weights are unpacked. columns % 32 == 0.
  void (*mix_rows)(const float* x, float* mixed, int columns, Range rows);

  // y[m, c] = sum_n x[m, n] W[n, c] over all `depth` rows of W. c: begins at a multiple of 32, at
  // most kStripColumns; scratch: kOuterScratch.
  void (*packed_outer)(
      const float* x, const PackedRows& w, int depth, float* y, Range m, Range c, float* scratch);
  void (*dense_outer)(
      const float* x, const DenseRows& w, int depth, float* y, Range m, Range c, float* scratch);
};

const CpuOps& cpu_ops(CpuLevel level);

// One each, in cpu_ops_<level>.cpp.
const CpuOps& portable_ops();
const CpuOps& avx2_ops();
const CpuOps& avx512_ops();

}  // namespace hub::kernels

#pragma once

// y = x W^T with x in 8 bits, for one level. S is one of the three of simd_*.h and has besides:
//   Fields<bits>, unpack<bits>(p): the fields of kInt8Step elements of kInt8Columns columns;
//   dot<bits>(fields, x): of each column the sum of the products with kInt8Step values, as float;
//   largest(a, b): the largest magnitude in both, NaN if there is one;
//   store_bytes(p, a, b): 32 numbers rounded to the nearest, ties to even; returns their sum.
// The sums of a step are integers below 2^24 and so exact. They are added up in order, each with
// two fused multiply-adds.
#include "core/kernels/compiler.h"
#include "core/kernels/int8_ops.h"

namespace hub::kernels {

// A step of less than this has no reciprocal worth multiplying with: it is taken for zeros.
constexpr float kLeastMagnitude = 1e-30F;
constexpr float kMostMagnitude = 3.402823466e38F;

// See Int8Ops::quantize. A step that holds something not finite has factors NaN, so that nothing
// hides it.
template <class S>
void quantize_int8(const float* x, const Int8Rows& quantized, Range rows) {
  const int steps = quantized.columns / kInt8Step;
  for (int row = rows.begin; row < rows.end; ++row) {
    const float* from = x + std::int64_t{row} * quantized.columns;
    for (int step = 0; step < steps; ++step, from += kInt8Step) {
      const std::int64_t place = quantized.place(row, step);
      std::int8_t* to = quantized.values + place * kInt8Step;
      float* factors = quantized.factors + 2 * place;
      const auto a = S::load(from);
      const auto b = S::load(from + 16);
      const float largest = S::largest(a, b);
      if (largest >= kLeastMagnitude && largest <= kMostMagnitude) {
        const auto inverse = S::set(127.0F / largest);
        const int sum = S::store_bytes(to, S::mul(a, inverse), S::mul(b, inverse));
        factors[0] = largest / 127.0F;
        factors[1] = factors[0] * static_cast<float>(sum);
      } else {
        S::store_bytes(to, S::zero(), S::zero());
        factors[0] = largest < kLeastMagnitude ? 0.0F : __builtin_nanf("");
        factors[1] = factors[0];
      }
    }
  }
}

template <class S>
HUB_INLINE typename S::F factors_at(const void* factors, bool half, std::int64_t at) {
  return half ? S::load_half(static_cast<const std::uint16_t*>(factors) + at, kInt8Columns)
              : S::load(static_cast<const float*>(factors) + at);
}

// kRows rows of one panel, from `row`, and one block of columns.
template <class S, int kRows, int kBits>
void int8_tile(const Int8Rows& x, const InterleavedRows& w, float* y, int row, int block) {
  const int steps = w.columns / kInt8Step;
  const int per_group = w.group_size / kInt8Step;
  const std::int64_t first = x.place(row, 0);
  const std::int8_t* values = x.values + first * kInt8Step;
  const float* factors = x.factors + 2 * first;
  constexpr int field_bytes = kInt8Columns * kInt8Step * kBits / 8;
  const std::uint8_t* fields = w.fields + std::int64_t{block} * steps * field_bytes;
  const std::int64_t groups = w.columns / w.group_size;
  std::int64_t group = block * groups * kInt8Columns;
  typename S::F sums[kRows];
  for (auto& sum : sums) {
    sum = S::zero();
  }
  for (int step = 0, left = per_group; step < steps; ++step, --left) {
    if (left == 0) {
      left = per_group;
      group += kInt8Columns;
    }
    const auto unpacked = S::template unpack<kBits>(fields);
    const auto scale = factors_at<S>(w.scales, w.half_scales, group);
    const auto bias = factors_at<S>(w.biases, w.half_scales, group);
    HUB_UNROLL
    for (int r = 0; r < kRows; ++r) {
      const auto dot = S::template dot<kBits>(unpacked, values + r * kInt8Step);
      sums[r] = S::fma(dot, S::mul(scale, S::set(factors[2 * r])), sums[r]);
      sums[r] = S::fma(bias, S::set(factors[2 * r + 1]), sums[r]);
    }
    fields += field_bytes;
    values += kInt8Panel * kInt8Step;
    factors += 2 * kInt8Panel;
  }
  const int column = block * kInt8Columns;
  const int columns = w.rows - column;
  for (int r = 0; r < kRows; ++r) {
    float* to = y + std::int64_t{row + r} * w.rows + column;
    if (columns >= kInt8Columns) {
      S::store(to, sums[r]);
    } else {
      S::store_first(to, sums[r], columns);
    }
  }
}

template <class S, int kRows, int kBits>
HUB_INLINE void int8_rows(
    const Int8Rows& x, const InterleavedRows& w, float* y, Range m, int block) {
  int row = m.begin;
  for (; m.end - row >= kRows; row += kRows) {
    int8_tile<S, kRows, kBits>(x, w, y, row, block);
  }
  if constexpr (kRows > 1) {
    int8_rows<S, kRows / 2, kBits>(x, w, y, {row, m.end}, block);
  }
}

// See Int8Ops::dot.
template <class S>
void int8_dot(const Int8Rows& x, const InterleavedRows& w, float* y, Range m, Range blocks) {
  constexpr int rows_at_once = 4 * kInt8Panel;  // that stay in the caches while all of W passes
  for (int row = m.begin; row < m.end; row += rows_at_once) {
    const Range rows{row, m.end - row < rows_at_once ? m.end : row + rows_at_once};
    for (int block = blocks.begin; block < blocks.end; ++block) {
      if (w.bits == 4) {
        int8_rows<S, S::kInt8Rows, 4>(x, w, y, rows, block);
      } else {
        int8_rows<S, S::kInt8Rows, 8>(x, w, y, rows, block);
      }
    }
  }
}

}  // namespace hub::kernels

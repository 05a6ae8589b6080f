#pragma once

// y = x W for one level. Lanes run along the columns; an element is the sum of x[m, n] W[n, c] over
// a block of kOuterBlock rows n in order, and the blocks' sums are added in order. The register
// tiling does not enter into it.
#include "core/kernels/compiler.h"
#include "core/kernels/cpu_ops.h"
#include "core/kernels/dot_product.h"

namespace hub::kernels {

// Element (m, n) of the left factor stands at data[m * row_step + n * step].
struct LeftFactor {
  const float* data;
  std::int64_t row_step;
  std::int64_t step;

  [[nodiscard]] LeftFactor from_row(int m) const { return {data + m * row_step, row_step, step}; }
};

// kM rows of x, kV * 16 columns, `depth` rows of w; only the first `columns` are written.
template <class S, int kM, int kV>
void outer_tile(
    const LeftFactor& x,
    const float* w,
    std::int64_t w_stride,
    int depth,
    float* y,
    std::int64_t y_stride,
    int columns,
    bool first_block) {
  typename S::F sums[kM * kV];
  for (auto& sum : sums) {
    sum = S::zero();
  }
  for (int n = 0; n < depth; ++n) {
    typename S::F ws[kV];
    HUB_UNROLL
    for (int v = 0; v < kV; ++v) {
      ws[v] = S::load(w + n * w_stride + 16 * v);
    }
    HUB_UNROLL
    for (int m = 0; m < kM; ++m) {
      const auto xm = S::set(x.data[m * x.row_step + n * x.step]);
      HUB_UNROLL
      for (int v = 0; v < kV; ++v) {
        sums[m * kV + v] = S::fma(xm, ws[v], sums[m * kV + v]);
      }
    }
  }
  for (int m = 0; m < kM; ++m) {
    for (int v = 0; v < kV && 16 * v < columns; ++v) {
      float* out = y + m * y_stride + 16 * v;
      const auto sum = sums[m * kV + v];
      const int n = columns - 16 * v;
      if (n >= 16) {
        S::store(out, first_block ? sum : S::add(S::load(out), sum));
      } else {
        S::store_first(out, first_block ? sum : S::add(S::load_first(out, n), sum), n);
      }
    }
  }
}

// kV * 16 columns, all rows `m` of x: as many tiles of kM rows as fit, then smaller ones.
template <class S, int kM, int kV>
void outer_columns(
    const LeftFactor& x,
    const float* w,
    std::int64_t w_stride,
    int depth,
    float* y,
    std::int64_t y_stride,
    Range m,
    int columns,
    bool first_block) {
  int m0 = m.begin;
  for (; m0 + kM <= m.end; m0 += kM) {
    outer_tile<S, kM, kV>(
        x.from_row(m0), w, w_stride, depth, y + m0 * y_stride, y_stride, columns, first_block);
  }
  if constexpr (kM > 1) {
    if (m0 < m.end) {
      outer_columns<S, kM / 2, kV>(
          x, w, w_stride, depth, y, y_stride, {m0, m.end}, columns, first_block);
    }
  }
}

// A strip of w whose rows can be read to a multiple of 16 * kOuterVectors columns.
template <class S>
void outer_strip(
    const LeftFactor& x,
    const float* w,
    std::int64_t w_stride,
    int depth,
    float* y,
    std::int64_t y_stride,
    Range m,
    int columns,
    bool first_block) {
  constexpr int kV = S::kOuterVectors;
  for (int c = 0; c < columns; c += 16 * kV) {
    const int left = columns - c;
    if (kV > 1 && left <= 16) {  // the low rank of an adapter
      outer_columns<S, 8, 1>(x, w + c, w_stride, depth, y + c, y_stride, m, left, first_block);
    } else if (kV > 2 && left <= 32) {
      outer_columns<S, 8, 2>(x, w + c, w_stride, depth, y + c, y_stride, m, left, first_block);
    } else {
      outer_columns<S, S::kOuterRows, kV>(
          x, w + c, w_stride, depth, y + c, y_stride, m, left, first_block);
    }
  }
}

// y[rows, columns] += x w without reading past the rows of w.
template <class S>
void add_outer(
    const LeftFactor& x,
    const float* w,
    std::int64_t w_stride,
    int depth,
    float* y,
    std::int64_t y_stride,
    int rows,
    int columns) {
  constexpr int kWide = 16 * S::kOuterVectors;
  const int whole = columns / kWide * kWide;
  if (whole > 0) {
    outer_strip<S>(x, w, w_stride, depth, y, y_stride, {0, rows}, whole, false);
  }
  for (int c = whole; c < columns; c += 16) {
    const int lanes = columns - c < 16 ? columns - c : 16;
    for (int m = 0; m < rows; ++m) {
      auto sum = S::zero();
      for (int n = 0; n < depth; ++n) {
        const auto xm = S::set(x.data[m * x.row_step + n * x.step]);
        const float* in = w + n * w_stride + c;
        sum = S::fma(xm, lanes == 16 ? S::load(in) : S::load_first(in, lanes), sum);
      }
      float* out = y + m * y_stride + c;
      if (lanes == 16) {
        S::store(out, S::add(S::load(out), sum));
      } else {
        S::store_first(out, S::add(S::load_first(out, lanes), sum), lanes);
      }
    }
  }
}

template <class S, int kBits>
void unpack_strip(const PackedRows& w, int row0, int depth, Range c, float* strip) {
  for (int n = 0; n < depth; ++n) {
    float* out = strip + n * kStripColumns;
    for (int column = c.begin; column < c.end; column += 32) {
      alignas(64) float scale[16];
      alignas(64) float bias[16];
      // One group a time: a strip has two at most.
      const int first = column / w.group_size * w.group_size;
      RowBlock block = row_block<S>(w, row0 + n, first, w.group_size, scale, bias);
      typename S::F a, b;
      unpack<S, kBits>(block, (column - first) / 32, 0, a, b);
      if constexpr (kBits == 4) {
        S::natural_order(a, b);
      }
      S::store(out + column - c.begin, a);
      S::store(out + column - c.begin + 16, b);
    }
    for (int column = c.end - c.begin; column < kStripColumns; column += 16) {
      S::store(out + column, S::zero());
    }
  }
}

template <class S>
void packed_outer(
    const float* x, const PackedRows& w, int depth, float* y, Range m, Range c, float* scratch) {
  for (int n0 = 0; n0 < depth; n0 += kOuterBlock) {
    const int rows = depth - n0 < kOuterBlock ? depth - n0 : kOuterBlock;
    if (w.bits == 4) {
      unpack_strip<S, 4>(w, n0, rows, c, scratch);
    } else {
      unpack_strip<S, 8>(w, n0, rows, c, scratch);
    }
    outer_strip<S>(
        {x + n0, depth, 1},
        scratch,
        kStripColumns,
        rows,
        y + c.begin,
        w.columns,
        m,
        c.end - c.begin,
        n0 == 0);
  }
}

template <class S>
void copy_strip(const DenseRows& w, int row0, int depth, Range c, float* strip) {
  const int columns = c.end - c.begin;
  for (int n = 0; n < depth; ++n) {
    const float* in = w.data + static_cast<std::int64_t>(row0 + n) * w.columns + c.begin;
    float* out = strip + n * kStripColumns;
    for (int v = 0; v < kStripColumns; v += 16) {
      const int left = columns - v < 0 ? 0 : columns - v;
      S::store(out + v, left >= 16 ? S::load(in + v) : S::load_first(in + v, left));
    }
  }
}

template <class S>
void dense_outer(
    const float* x, const DenseRows& w, int depth, float* y, Range m, Range c, float* scratch) {
  const bool whole = c.end - c.begin == kStripColumns;
  for (int n0 = 0; n0 < depth; n0 += kOuterBlock) {
    const int rows = depth - n0 < kOuterBlock ? depth - n0 : kOuterBlock;
    const float* strip = scratch;
    if (whole) {
      strip = w.data + static_cast<std::int64_t>(n0) * w.columns + c.begin;
    } else {
      copy_strip<S>(w, n0, rows, c, scratch);
    }
    outer_strip<S>(
        {x + n0, depth, 1},
        strip,
        whole ? w.columns : kStripColumns,
        rows,
        y + c.begin,
        w.columns,
        m,
        c.end - c.begin,
        n0 == 0);
  }
}

}  // namespace hub::kernels

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
void outer_tile(const LeftFactor& x, const Rows& w, int depth, const Target& y, int columns) {
  typename S::F sums[kM * kV];
  for (auto& sum : sums) {
    sum = S::zero();
  }
  const LeftFactor left = x;
  const Rows right = w;
  for (int n = 0; n < depth; ++n) {
    typename S::F ws[kV];
    HUB_UNROLL
    for (std::int64_t v = 0; v < kV; ++v) {
      ws[v] = S::load(right.row(n) + 16 * v);
    }
    HUB_UNROLL
    for (int m = 0; m < kM; ++m) {
      const auto xm = S::set(left.data[m * left.row_step + n * left.step]);
      HUB_UNROLL
      for (int v = 0; v < kV; ++v) {
        sums[m * kV + v] = S::fma(xm, ws[v], sums[m * kV + v]);
      }
    }
  }
  for (int m = 0; m < kM; ++m) {
    for (int v = 0; v < kV && 16 * v < columns; ++v) {
      float* out = y.at(m, std::int64_t{16} * v).data;
      const auto sum = sums[m * kV + v];
      const int n = columns - 16 * v;
      if (n >= 16) {
        S::store(out, y.add ? S::add(S::load(out), sum) : sum);
      } else {
        S::store_first(out, y.add ? S::add(S::load_first(out, n), sum) : sum, n);
      }
    }
  }
}

// kV * 16 columns, `rows` rows of x: as many tiles of kM rows as fit, then smaller ones.
template <class S, int kM, int kV>
void outer_columns(
    const LeftFactor& x, int rows, const Rows& w, int depth, const Target& y, int columns) {
  int m = 0;
  for (; m + kM <= rows; m += kM) {
    outer_tile<S, kM, kV>(x.from_row(m), w, depth, y.at(m, 0), columns);
  }
  if constexpr (kM > 1) {
    if (m < rows) {
      outer_columns<S, kM / 2, kV>(x.from_row(m), rows - m, w, depth, y.at(m, 0), columns);
    }
  }
}

// A strip of w whose rows can be read to a multiple of 16 * kOuterVectors columns.
template <class S>
void outer_strip(
    const LeftFactor& x, int rows, const Rows& w, int depth, const Target& y, int columns) {
  constexpr int V = S::kOuterVectors;
  for (int c = 0; c < columns; c += 16 * V) {
    const int left = columns - c;
    const Rows wc{w.data + c, w.stride};
    if (V > 1 && left <= 16) {  // the low rank of an adapter
      outer_columns<S, 8, 1>(x, rows, wc, depth, y.at(0, c), left);
    } else if (V > 2 && left <= 32) {
      outer_columns<S, 8, 2>(x, rows, wc, depth, y.at(0, c), left);
    } else {
      outer_columns<S, S::kOuterRows, V>(x, rows, wc, depth, y.at(0, c), left);
    }
  }
}

// outer_strip without reading past the rows of w; y.add must be set.
template <class S>
void add_outer(
    const LeftFactor& x, int rows, const Rows& w, int depth, const Target& y, int columns) {
  constexpr int W = 16 * S::kOuterVectors;
  const int whole = columns / W * W;
  if (whole > 0) {
    outer_strip<S>(x, rows, w, depth, y, whole);
  }
  for (int c = whole; c < columns; c += 16) {
    const int lanes = columns - c < 16 ? columns - c : 16;
    for (int m = 0; m < rows; ++m) {
      auto sum = S::zero();
      for (int n = 0; n < depth; ++n) {
        const auto xm = S::set(x.data[m * x.row_step + n * x.step]);
        const float* in = w.row(n) + c;
        sum = S::fma(xm, lanes == 16 ? S::load(in) : S::load_first(in, lanes), sum);
      }
      float* out = y.at(m, c).data;
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
  for (std::int64_t n = 0; n < depth; ++n) {
    float* out = strip + n * kStripColumns;
    for (int column = c.begin; column < c.end; column += 32) {
      alignas(64) float scale[16];
      alignas(64) float bias[16];
      // One group a time: a strip has two at most.
      const int first = column / w.group_size * w.group_size;
      RowBlock block =
          row_block<S>(w, row0 + static_cast<int>(n), first, w.group_size, scale, bias);
      auto a = S::zero();
      auto b = S::zero();
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
  const float* first = x + static_cast<std::int64_t>(m.begin) * depth;
  float* out = y + static_cast<std::int64_t>(m.begin) * w.columns + c.begin;
  for (int n0 = 0; n0 < depth; n0 += kOuterBlock) {
    const int rows = depth - n0 < kOuterBlock ? depth - n0 : kOuterBlock;
    if (w.bits == 4) {
      unpack_strip<S, 4>(w, n0, rows, c, scratch);
    } else {
      unpack_strip<S, 8>(w, n0, rows, c, scratch);
    }
    outer_strip<S>(
        {first + n0, depth, 1},
        m.end - m.begin,
        {scratch, kStripColumns},
        rows,
        {out, w.columns, n0 > 0},
        c.end - c.begin);
  }
}

template <class S>
void copy_strip(const DenseRows& w, int row0, int depth, Range c, float* strip) {
  const int columns = c.end - c.begin;
  for (std::int64_t n = 0; n < depth; ++n) {
    const float* in = w.data + (row0 + n) * w.columns + c.begin;
    float* out = strip + n * kStripColumns;
    for (int v = 0; v < kStripColumns; v += 16) {
      const int left = columns - v < 0 ? 0 : columns - v;
      S::store(out + v, left >= 16 ? S::load(in + v) : S::load_first(in + v, left));
    }
  }
}

// Sums of kBlocks whole blocks side by side, since each waits for itself; of w's first `columns`.
template <class S, int kBlocks>
void add_narrow_blocks(
    const float* x, const Rows& w, int columns, typename S::F& total, bool is_first) {
  typename S::F sums[kBlocks];
  for (auto& sum : sums) {
    sum = S::zero();
  }
  for (int n = 0; n < kOuterBlock; ++n) {
    HUB_UNROLL
    for (int b = 0; b < kBlocks; ++b) {
      const int at = b * kOuterBlock + n;
      sums[b] = S::fma(S::set(x[at]), S::load_first(w.row(at), columns), sums[b]);
    }
  }
  for (int b = 0; b < kBlocks; ++b) {
    total = is_first && b == 0 ? sums[b] : S::add(total, sums[b]);
  }
}

// One row of x times a w of at most 16 columns, of which nothing is copied: a token's way into the
// low rank of an adapter.
template <class S>
void narrow_row(const float* x, const Rows& w, int depth, int columns, float* y) {
  auto total = S::zero();
  int n = 0;
  for (; n + 4 * kOuterBlock <= depth; n += 4 * kOuterBlock) {
    add_narrow_blocks<S, 4>(x + n, {w.row(n), w.stride}, columns, total, n == 0);
  }
  for (; n + 2 * kOuterBlock <= depth; n += 2 * kOuterBlock) {
    add_narrow_blocks<S, 2>(x + n, {w.row(n), w.stride}, columns, total, n == 0);
  }
  for (; n + kOuterBlock <= depth; n += kOuterBlock) {
    add_narrow_blocks<S, 1>(x + n, {w.row(n), w.stride}, columns, total, n == 0);
  }
  if (n < depth) {
    auto sum = S::zero();
    const bool is_first = n == 0;
    for (; n < depth; ++n) {
      sum = S::fma(S::set(x[n]), S::load_first(w.row(n), columns), sum);
    }
    total = is_first ? sum : S::add(total, sum);
  }
  S::store_first(y, total, columns);
}

template <class S>
void dense_outer(
    const float* x, const DenseRows& w, int depth, float* y, Range m, Range c, float* scratch) {
  const float* first = x + static_cast<std::int64_t>(m.begin) * depth;
  float* out = y + static_cast<std::int64_t>(m.begin) * w.columns + c.begin;
  const int columns = c.end - c.begin;
  const bool whole = columns == kStripColumns;
  constexpr int few_rows = 4;  // more are quicker together
  if (columns <= 16 && m.end - m.begin < few_rows) {
    for (int row = 0; row < m.end - m.begin; ++row) {
      narrow_row<S>(
          first + std::int64_t{row} * depth,
          {w.data + c.begin, w.columns},
          depth,
          columns,
          out + std::int64_t{row} * w.columns);
    }
    return;
  }
  for (int n0 = 0; n0 < depth; n0 += kOuterBlock) {
    const int rows = depth - n0 < kOuterBlock ? depth - n0 : kOuterBlock;
    Rows strip{scratch, kStripColumns};
    if (whole) {
      strip = {w.data + static_cast<std::int64_t>(n0) * w.columns + c.begin, w.columns};
    } else {
      copy_strip<S>(w, n0, rows, c, scratch);
    }
    outer_strip<S>(
        {first + n0, depth, 1},
        m.end - m.begin,
        strip,
        rows,
        {out, w.columns, n0 > 0},
        c.end - c.begin);
  }
}

}  // namespace hub::kernels

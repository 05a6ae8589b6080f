#pragma once

// y = x W^T for one level. Lanes run along K: lane l of an accumulator sums the elements k = l (mod
// 16) of a block of kDotBlock, a fixed tree sums the lanes, and the blocks' sums are added in
// order. The register tiling only decides how many such sums are under way at once, so an element
// has the same bits in every tile, whether the weights are unpacked on the fly or into a panel.
#include "core/kernels/compiler.h"
#include "core/kernels/cpu_ops.h"

namespace hub::kernels {

// Scales or biases of `count` <= kDotBlock / 32 groups of one row as floats; `buffer` has room.
template <class S>
HUB_INLINE const float* as_floats(
    const void* values, bool half, std::int64_t begin, int count, float* buffer) {
  if (!half) {
    return static_cast<const float*>(values) + begin;
  }
  const auto* halves = static_cast<const std::uint16_t*>(values) + begin;
  for (int i = 0; i < count; i += 16) {
    const int n = count - i < 16 ? count - i : 16;
    S::store(buffer + i, S::load_half(halves + i, n));
  }
  return buffer;
}

// One row's part of a K block: where its fields and its groups' factors begin.
struct RowBlock {
  const std::uint32_t* words;
  const float* scales;
  const float* biases;
};

constexpr int kBlockGroups = kDotBlock / 32;

template <class S>
HUB_INLINE RowBlock
row_block(const PackedRows& w, int row, int k0, int length, float* scales, float* biases) {
  const std::int64_t groups = w.columns / w.group_size;
  const std::int64_t first_group = row * groups + k0 / w.group_size;
  const int count = length / w.group_size;
  const std::int64_t first_bit = (std::int64_t{row} * w.columns + k0) * w.bits;
  return {
      w.words + first_bit / 32,
      as_floats<S>(w.scales, w.half_scales, first_group, count, scales),
      as_floats<S>(w.biases, w.half_scales, first_group, count, biases)};
}

// 32 weights, from element 32 * step of the block.
template <class S, int kBits>
HUB_INLINE void unpack(
    const RowBlock& row,
    std::int64_t step,
    std::int64_t group,
    typename S::F& a,
    typename S::F& b) {
  if constexpr (kBits == 4) {
    S::unpack4(row.words + 4 * step, S::scaling4(row.scales[group], row.biases[group]), a, b);
  } else {
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(row.words + 8 * step);
    const auto scale = S::set(row.scales[group]);
    const auto bias = S::set(row.biases[group]);
    a = S::unpack8(bytes, scale, bias);
    b = S::unpack8(bytes + 16, scale, bias);
  }
}

// Row-major floats.
struct Rows {
  const float* data;
  std::int64_t stride;

  [[nodiscard]] const float* row(std::int64_t i) const { return data + i * stride; }
};

// Where a tile's results go: stored, or added to what is there.
struct Target {
  float* data;
  std::int64_t stride;
  bool add;

  [[nodiscard]] Target at(std::int64_t row, std::int64_t column) const {
    return {data + row * stride + column, stride, add};
  }
};

// Writes the lane sums of kCount accumulators; accumulator i belongs to row i / kCols, column i %
// kCols; only the first `columns` columns exist.
template <class S, int kCount, int kCols>
HUB_INLINE void finish_tile(const typename S::F* sums, const Target& y, int columns) {
  alignas(64) float lanes[(kCount + 3) / 4 * 4];
  for (int i = 0; i < kCount; i += 4) {
    const auto none = S::zero();
    S::sum4(
        sums[i],
        i + 1 < kCount ? sums[i + 1] : none,
        i + 2 < kCount ? sums[i + 2] : none,
        i + 3 < kCount ? sums[i + 3] : none,
        lanes + i);
  }
  for (int m = 0; m < kCount / kCols; ++m) {
    float* row = y.data + m * y.stride;
    for (int n = 0; n < columns; ++n) {
      row[n] = y.add ? row[n] + lanes[m * kCols + n] : lanes[m * kCols + n];
    }
  }
}

// kM rows of x, weights unpacked in registers: for few rows.
template <class S, int kM, int kBits>
void fly_rows(const Rows& x, const PackedRows& w, float* y, int y_columns, Range n) {
  constexpr int N = kM <= 4 ? 4 : 2;  // rows of W at a time: accumulators that fit the registers
  alignas(64) float scales[N][kBlockGroups];
  alignas(64) float biases[N][kBlockGroups];
  const int per_group = w.group_size / 32;
  for (int n0 = n.begin; n0 < n.end; n0 += N) {
    const int columns = n.end - n0 < N ? n.end - n0 : N;
    for (int k0 = 0; k0 < w.columns; k0 += kDotBlock) {
      const int length = w.columns - k0 < kDotBlock ? w.columns - k0 : kDotBlock;
      RowBlock rows[N];
      for (int j = 0; j < N; ++j) {  // a missing row repeats the last one; nobody reads its sum
        const int row = n0 + (j < columns ? j : columns - 1);
        rows[j] = row_block<S>(w, row, k0, length, scales[j], biases[j]);
      }
      const std::int64_t ahead = std::int64_t{N} * w.columns * kBits / 32;
      typename S::F sums[kM * N];
      for (auto& sum : sums) {
        sum = S::zero();
      }
      for (std::int64_t step = 0; step < length / 32; ++step) {
        const std::int64_t group = step / per_group;
        typename S::F a[N];
        typename S::F b[N];
        HUB_UNROLL
        for (int j = 0; j < N; ++j) {
          unpack<S, kBits>(rows[j], step, group, a[j], b[j]);
          // The hardware does not foresee the jump to the next rows.
          S::prefetch(rows[j].words + ahead + step * kBits);
        }
        HUB_UNROLL
        for (int m = 0; m < kM; ++m) {
          const float* xm = x.row(m) + k0 + 32 * step;
          const auto low = S::load(xm);
          const auto high = S::load(xm + 16);
          HUB_UNROLL
          for (int j = 0; j < N; ++j) {
            auto& sum = sums[m * N + j];
            sum = S::fma(high, b[j], S::fma(low, a[j], sum));
          }
        }
      }
      finish_tile<S, kM * N, N>(sums, {y + n0, y_columns, k0 > 0}, columns);
    }
  }
}

// kM rows of x against kDotCols rows of plain weights, `length` elements of each.
template <class S, int kM>
void dot_tile(const Rows& x, const float* const* rows, int length, const Target& y, int columns) {
  constexpr int N = S::kDotCols;
  typename S::F sums[kM * N];
  for (auto& sum : sums) {
    sum = S::zero();
  }
  const float* w[N];
  for (int j = 0; j < N; ++j) {
    w[j] = rows[j];
  }
  const float* data = x.data;
  const std::int64_t stride = x.stride;
  int k = 0;
  for (; k + 16 <= length; k += 16) {
    typename S::F xs[kM];
    HUB_UNROLL
    for (int m = 0; m < kM; ++m) {
      xs[m] = S::load(data + m * stride + k);
    }
    HUB_UNROLL
    for (int j = 0; j < N; ++j) {
      const auto wj = S::load(w[j] + k);
      HUB_UNROLL
      for (int m = 0; m < kM; ++m) {
        sums[m * N + j] = S::fma(xs[m], wj, sums[m * N + j]);
      }
    }
  }
  if (k < length) {
    for (int j = 0; j < N; ++j) {
      const auto wj = S::load_first(w[j] + k, length - k);
      for (int m = 0; m < kM; ++m) {
        const auto xm = S::load_first(data + m * stride + k, length - k);
        sums[m * N + j] = S::fma(xm, wj, sums[m * N + j]);
      }
    }
  }
  finish_tile<S, kM * N, N>(sums, y, columns);
}

constexpr int kRowBlock = 120;

// `count` rows of x against the first `panel_rows` rows of a panel of plain weights.
template <class S>
void dot_panel(
    const Rows& x, int count, const Rows& panel, int panel_rows, int length, const Target& y) {
  constexpr int M = S::kDotRows;
  constexpr int N = S::kDotCols;
  // A tile of the panel stays in the first cache while rows of x stream from the second.
  for (int block = 0; block < count; block += kRowBlock) {
    const int block_end = count - block < kRowBlock ? count : block + kRowBlock;
    for (int n0 = 0; n0 < panel_rows; n0 += N) {
      const int columns = panel_rows - n0 < N ? panel_rows - n0 : N;
      const float* rows[N];
      for (int j = 0; j < N; ++j) {
        rows[j] = panel.row(n0 + (j < columns ? j : columns - 1));
      }
      for (int m0 = block; m0 < block_end; m0 += M) {
        const Rows xm{x.row(m0), x.stride};
        const Target out = y.at(m0, n0);
        const int left = block_end - m0;
        if (left >= M) {
          dot_tile<S, M>(xm, rows, length, out, columns);
        } else if (left == 1) {
          dot_tile<S, 1>(xm, rows, length, out, columns);
        } else if (left == 2) {
          dot_tile<S, 2>(xm, rows, length, out, columns);
        } else {
          dot_tile<S, 3>(xm, rows, length, out, columns);
        }
      }
    }
  }
}

template <class S, int kBits>
void unpack_panel(const PackedRows& w, Range n, int k0, int length, float* panel) {
  alignas(64) float scales[kBlockGroups];
  alignas(64) float biases[kBlockGroups];
  const int per_group = w.group_size / 32;
  for (int row = n.begin; row < n.end; ++row) {
    const RowBlock block = row_block<S>(w, row, k0, length, scales, biases);
    float* out = panel + static_cast<std::int64_t>(row - n.begin) * length;
    for (std::int64_t step = 0; step < length / 32; ++step) {
      auto a = S::zero();
      auto b = S::zero();
      unpack<S, kBits>(block, step, step / per_group, a, b);
      S::store(out + 32 * step, a);
      S::store(out + 32 * step + 16, b);
    }
  }
}

// fly_rows() of `count` <= kMost rows.
template <class S, int kBits, int kMost>
void fly(const Rows& x, int count, const PackedRows& w, float* y, int y_columns, Range n) {
  if constexpr (kMost > 1) {
    if (count < kMost) {
      fly<S, kBits, kMost - 1>(x, count, w, y, y_columns, n);
      return;
    }
  }
  fly_rows<S, kMost, kBits>(x, w, y, y_columns, n);
}

template <class S, int kBits>
void packed_dot_bits(
    const float* x,
    const PackedRows& w,
    float* y,
    int y_columns,
    Range m,
    Range n,
    float* scratch) {
  const Rows first{x + static_cast<std::int64_t>(m.begin) * w.columns, w.columns};
  float* out = y + static_cast<std::int64_t>(m.begin) * y_columns;
  const int rows = m.end - m.begin;
  if (rows <= S::kFlyMost) {
    // As many passes over W as need be, of rows as equal in number as can be.
    const int passes = (rows + S::kFlyRows - 1) / S::kFlyRows;
    for (int pass = 0; pass < passes; ++pass) {
      const int begin = rows * pass / passes;
      const int count = rows * (pass + 1) / passes - begin;
      fly<S, kBits, S::kFlyRows>(
          {first.row(begin), first.stride},
          count,
          w,
          out + std::int64_t{begin} * y_columns,
          y_columns,
          n);
    }
    return;
  }
  for (int k0 = 0; k0 < w.columns; k0 += kDotBlock) {
    const int length = w.columns - k0 < kDotBlock ? w.columns - k0 : kDotBlock;
    unpack_panel<S, kBits>(w, n, k0, length, scratch);
    dot_panel<S>(
        {first.data + k0, w.columns},
        rows,
        {scratch, length},
        n.end - n.begin,
        length,
        {out + n.begin, y_columns, k0 > 0});
  }
}

template <class S>
void packed_dot(
    const float* x,
    const PackedRows& w,
    float* y,
    int y_columns,
    Range m,
    Range n,
    float* scratch) {
  if (w.bits == 4) {
    packed_dot_bits<S, 4>(x, w, y, y_columns, m, n, scratch);
  } else {
    packed_dot_bits<S, 8>(x, w, y, y_columns, m, n, scratch);
  }
}

template <class S>
void dense_dot(const float* x, const DenseRows& w, float* y, int y_columns, Range m, Range n) {
  for (int k0 = 0; k0 < w.columns; k0 += kDotBlock) {
    const int length = w.columns - k0 < kDotBlock ? w.columns - k0 : kDotBlock;
    dot_panel<S>(
        {x + static_cast<std::int64_t>(m.begin) * w.columns + k0, w.columns},
        m.end - m.begin,
        {w.data + static_cast<std::int64_t>(n.begin) * w.columns + k0, w.columns},
        n.end - n.begin,
        length,
        {y + static_cast<std::int64_t>(m.begin) * y_columns + n.begin, y_columns, k0 > 0});
  }
}

template <class S>
void mix_rows(const float* x, float* mixed, int columns, Range rows) {
  const std::int64_t begin = static_cast<std::int64_t>(rows.begin) * columns;
  const std::int64_t end = static_cast<std::int64_t>(rows.end) * columns;
  for (std::int64_t at = begin; at < end; at += 32) {
    for (std::int64_t u = 0; u < 4; ++u) {
      for (std::int64_t i = 0; i < 8; ++i) {
        mixed[at + 4 * i + u] = x[at + 8 * u + i];
      }
    }
  }
}

}  // namespace hub::kernels

#pragma once

// Attention of one key/value head for one level. Keys are taken in segments of kAttentionSegment
// and tiles of kAttentionTile at absolute positions. Within a segment the softmax runs online over
// its tiles (arXiv:1805.02867); segments are merged in order. A row that may not look into a tile
// or segment is left exactly as it was, so a row's bits depend on neither the rows beside it nor on
// who computes which segment.
#include "core/kernels/compiler.h"
#include "core/kernels/cpu_ops.h"
#include "core/kernels/outer_product.h"
#include "core/kernels/row_kernels.h"
#include "core/kernels/score_kernels.h"
#include "core/kernels/simd_math.h"

namespace hub::kernels {

// Rotates `heads` heads of one token (arXiv:2104.09864). Pairs are halves, or neighbours if
// `traditional`; the result is multiplied by `scale`. in == out is allowed.
template <class S>
void rotate_heads(
    const Rotation& rotation, const float* in, int heads, float scale, float* out, int out_stride) {
  const int half = rotation.rotated / 2;
  const auto factor = S::set(scale);
  for (std::int64_t head = 0; head < heads; ++head) {
    const float* x = in + head * rotation.head_dim;
    float* y = out + head * out_stride;
    if (rotation.traditional) {
      for (std::int64_t i = 0; i < half; ++i) {
        const float a = x[2 * i];
        const float b = x[2 * i + 1];
        y[2 * i] = (a * rotation.cosines[i] - b * rotation.sines[i]) * scale;
        y[2 * i + 1] = (a * rotation.sines[i] + b * rotation.cosines[i]) * scale;
      }
    } else {
      for_lanes(0, half, [&](std::int64_t i, int lanes) __attribute__((always_inline)) {
        const auto a = load_lanes<S>(x + i, lanes);
        const auto b = load_lanes<S>(x + half + i, lanes);
        const auto c = load_lanes<S>(rotation.cosines + i, lanes);
        const auto s = load_lanes<S>(rotation.sines + i, lanes);
        store_lanes<S>(y + i, S::mul(S::sub(S::mul(a, c), S::mul(b, s)), factor), lanes);
        store_lanes<S>(y + half + i, S::mul(S::add(S::mul(a, s), S::mul(b, c)), factor), lanes);
      });
    }
    for (std::int64_t i = rotation.rotated; i < rotation.head_dim; ++i) {
      y[i] = x[i] * scale;
    }
  }
}

// One row of a tile: scores -> e^(score - maximum) in place, 0 within [sinks, hidden) and from
// `visible` on; brings the row's maximum, sum and weighted values up to date. Something is seen.
template <class S>
HUB_INLINE void soften_row(
    float* scores,
    int sinks,
    int hidden,
    int visible,
    float* maximum,
    float* sum,
    float* values,
    int head_dim) {
  const float nothing = -__builtin_inff();
  for (int i = sinks; i < hidden; ++i) {
    scores[i] = nothing;
  }
  auto top = S::set(nothing);
  for_lanes(0, visible, [&](std::int64_t i, int lanes) __attribute__((always_inline)) {
    for (int rest = lanes; rest < 16; ++rest) {
      scores[i + rest] = nothing;
    }
    top = S::max(top, S::load(scores + i));
  });
  const float tile_maximum = max_lanes<S>(top);
  const float new_maximum = tile_maximum > *maximum ? tile_maximum : *maximum;
  const float shrink = exp_of<S>(*maximum - new_maximum);
  const auto base = S::set(new_maximum);
  auto total = S::zero();
  int i = 0;
  for (; i < visible; i += 16) {
    const auto p = exp<S>(S::sub(S::load(scores + i), base));
    S::store(scores + i, p);
    total = S::add(total, p);
  }
  for (; i < kAttentionTile; i += 16) {
    S::store(scores + i, S::zero());
  }
  *sum = *sum * shrink + sum_lanes<S>(total);
  *maximum = new_maximum;
  if (shrink != 1.0F) {
    const auto factor = S::set(shrink);
    for_lanes(0, head_dim, [&](std::int64_t at, int lanes) __attribute__((always_inline)) {
      store_lanes<S>(values + at, S::mul(load_lanes<S>(values + at, lanes), factor), lanes);
    });
  }
}

// See CpuOps::attend_segment.
template <class S>
void attend_segment(
    const AttentionRows& in, int segment, const PartialAttention& out, float* scores) {
  const std::int64_t dim = in.head_dim;
  float* turned = scores + std::int64_t{in.rows} * kAttentionTile;
  for (int row = 0; row < in.rows; ++row) {
    out.maxima[row] = -__builtin_inff();
    out.sums[row] = 0.0F;
  }
  for (std::int64_t i = 0; i < in.rows * dim; ++i) {
    out.values[i] = 0.0F;
  }
  const int last = in.position + (in.rows - 1) / in.rows_per_position;
  const int begin = segment * kAttentionSegment;
  const int end = begin + kAttentionSegment <= last ? begin + kAttentionSegment : last + 1;
  for (int key = begin; key < end; key += kAttentionTile) {
    const int all = end - key < kAttentionTile ? end - key : kAttentionTile;
    const int sinks = in.sinks < key ? 0 : in.sinks - key < all ? in.sinks - key : all;
    if (in.window > 0 && in.position - in.window + 1 >= key + all && sinks == 0) {
      continue;  // before every row's window
    }
    const bool is_kept_apart = key < in.first;
    const int keys = is_kept_apart ? sinks : all;  // nothing lies behind them
    const float* tile = is_kept_apart ? in.sink_keys + key * dim : in.keys + (key - in.first) * dim;
    score_tile<S>(
        {in.q, dim},
        in.rows,
        {tile, dim},
        keys,
        in.head_dim,
        {scores, kAttentionTile, false},
        turned);
    for (std::int64_t row = 0; row < in.rows; ++row) {
      const int reach = in.position + static_cast<int>(row) / in.rows_per_position - key + 1;
      const int visible = reach < keys ? reach : keys;
      const int before = in.window > 0 && reach > in.window ? reach - in.window : 0;
      const int hidden = before < visible ? before : visible;
      float* row_scores = scores + row * kAttentionTile;
      if (visible > hidden || (visible > 0 && sinks > 0)) {
        soften_row<S>(
            row_scores,
            sinks,
            hidden,
            visible,
            out.maxima + row,
            out.sums + row,
            out.values + row * dim,
            in.head_dim);
      } else {
        for (int i = 0; i < kAttentionTile; i += 16) {
          S::store(row_scores + i, S::zero());
        }
      }
    }
    const float* tile_values =
        is_kept_apart ? in.sink_values + key * dim : in.values + (key - in.first) * dim;
    add_outer<S>(
        {scores, kAttentionTile, 1},
        in.rows,
        {tile_values, dim},
        keys,
        {out.values, dim, true},
        in.head_dim);
  }
}

// Takes a segment's result into that of the segments before it.
template <class S>
void merge_attention(
    const PartialAttention& total, const PartialAttention& next, int rows, int head_dim) {
  for (std::int64_t row = 0; row < rows; ++row) {
    const float old_maximum = total.maxima[row];
    const float maximum = old_maximum > next.maxima[row] ? old_maximum : next.maxima[row];
    const float a = exp_of<S>(old_maximum - maximum);
    const float b = exp_of<S>(next.maxima[row] - maximum);
    total.maxima[row] = maximum;
    total.sums[row] = total.sums[row] * a + next.sums[row] * b;
    float* t = total.values + row * head_dim;
    const float* n = next.values + row * head_dim;
    for_lanes(0, head_dim, [&](std::int64_t i, int lanes) __attribute__((always_inline)) {
      const auto kept = S::mul(load_lanes<S>(t + i, lanes), S::set(a));
      store_lanes<S>(t + i, S::fma(load_lanes<S>(n + i, lanes), S::set(b), kept), lanes);
    });
  }
}

template <class S>
void add_sink(const PartialAttention& total, int row, int head_dim, float sink) {
  const float old_maximum = total.maxima[row];
  const float maximum = old_maximum > sink ? old_maximum : sink;
  const float shrink = exp_of<S>(old_maximum - maximum);
  total.maxima[row] = maximum;
  total.sums[row] = total.sums[row] * shrink + exp_of<S>(sink - maximum);
  float* values = total.values + static_cast<std::int64_t>(row) * head_dim;
  for_lanes(0, head_dim, [&](std::int64_t i, int lanes) __attribute__((always_inline)) {
    store_lanes<S>(values + i, S::mul(load_lanes<S>(values + i, lanes), S::set(shrink)), lanes);
  });
}

template <class S>
void finish_attention(const PartialAttention& total, int row, int head_dim, float* out) {
  const auto sum = S::set(total.sums[row]);
  const float* values = total.values + static_cast<std::int64_t>(row) * head_dim;
  for_lanes(0, head_dim, [&](std::int64_t i, int lanes) __attribute__((always_inline)) {
    store_lanes<S>(out + i, S::div(load_lanes<S>(values + i, lanes), sum), lanes);
  });
}

}  // namespace hub::kernels

#pragma once

// The gradient of causal attention for one query head and one level. Scores and weights of
// kGradientRows queries are computed anew and kept whole: with P = softmax(q k^T) and D = dO,
// dV = P^T D, dP = D V^T, dS = P (dP - rowsum(P dP)), dQ = dS K, dK = dS^T Q (arXiv:2205.14135,
// appendix B.2).
#include "core/kernels/compiler.h"
#include "core/kernels/cpu_ops.h"
#include "core/kernels/outer_product.h"
#include "core/kernels/row_kernels.h"
#include "core/kernels/score_kernels.h"
#include "core/kernels/simd_math.h"

namespace hub::kernels {

// Scores -> weights in p, gradients of the weights -> of the scores in d; zeros before `hidden` and
// from `visible` on. The sink takes its part of the weight; its value is 0, so is its gradient.
template <class S>
HUB_INLINE void soften_gradient_row(
    float* p, float* d, int hidden, int visible, int width, float sink) {
  for (int i = 0; i < hidden; ++i) {
    p[i] = -__builtin_inff();
  }
  auto top = S::set(sink);
  for_lanes(0, visible, [&](std::int64_t i, int lanes) __attribute__((always_inline)) {
    top = S::max(top, load_or_nothing<S>(p + i, lanes));
  });
  const auto base = S::set(max_lanes<S>(top));
  auto sum = S::zero();
  auto dot = S::zero();
  for_lanes(0, visible, [&](std::int64_t i, int lanes) __attribute__((always_inline)) {
    const auto e = exp<S>(S::sub(load_or_nothing<S>(p + i, lanes), base));
    store_lanes<S>(p + i, e, lanes);
    sum = S::add(sum, e);
    dot = S::fma(e, load_lanes<S>(d + i, lanes), dot);
  });
  const float inverse = 1.0F / (sum_lanes<S>(sum) + exp_of<S>(sink - max_lanes<S>(top)));
  const auto scale = S::set(inverse);
  const auto mean = S::set(sum_lanes<S>(dot) * inverse);
  for_lanes(0, visible, [&](std::int64_t i, int lanes) __attribute__((always_inline)) {
    const auto weight = S::mul(load_lanes<S>(p + i, lanes), scale);
    store_lanes<S>(p + i, weight, lanes);
    const auto slope = S::sub(load_lanes<S>(d + i, lanes), mean);
    store_lanes<S>(d + i, S::mul(weight, slope), lanes);
  });
  for_lanes(visible, width, [&](std::int64_t i, int lanes) __attribute__((always_inline)) {
    store_lanes<S>(p + i, S::zero(), lanes);
    store_lanes<S>(d + i, S::zero(), lanes);
  });
}

template <class S>
void attention_gradient(const AttentionGradient& in, float* scratch) {
  const std::int64_t dim = in.head_dim;
  const std::int64_t size = in.length * dim;
  for (std::int64_t i = 0; i < size; ++i) {
    in.q_gradient[i] = 0.0F;
    in.k_gradient[i] = 0.0F;
    in.v_gradient[i] = 0.0F;
  }
  const std::int64_t width = (std::int64_t{in.length} + 15) / 16 * 16;
  float* p = scratch;
  float* d = scratch + kGradientRows * width;
  float* turned = scratch + 2 * kGradientRows * width;
  for (int begin = 0; begin < in.length; begin += kGradientRows) {
    const int rows = in.length - begin < kGradientRows ? in.length - begin : kGradientRows;
    const int first = in.window > 0 && begin >= in.window ? begin - in.window + 1 : 0;
    const int keys = begin + rows - first;
    const std::int64_t at = begin * dim;
    const std::int64_t from = first * dim;
    const float* out_gradient = in.out_gradient + begin * in.out_stride;
    const Rows q{in.q + at, dim};
    const Rows d_out{out_gradient, in.out_stride};
    const Rows values{in.v + first * in.v_stride, in.v_stride};
    score_rows<S>(q, rows, {in.k + from, dim}, keys, in.head_dim, {p, width, false}, turned);
    score_rows<S>(d_out, rows, values, keys, in.head_dim, {d, width, false}, turned);
    for (std::int64_t row = 0; row < rows; ++row) {
      const int visible = begin + static_cast<int>(row) + 1 - first;
      const int hidden = in.window > 0 && visible > in.window ? visible - in.window : 0;
      soften_gradient_row<S>(p + row * width, d + row * width, hidden, visible, keys, in.sink);
    }
    const int columns = in.head_dim;
    const Rows k{in.k + from, dim};
    add_outer<S>({d, width, 1}, rows, k, keys, {in.q_gradient + at, dim, true}, columns);
    add_outer<S>({d, 1, width}, keys, q, rows, {in.k_gradient + from, dim, true}, columns);
    add_outer<S>({p, 1, width}, keys, d_out, rows, {in.v_gradient + from, dim, true}, columns);
  }
}

}  // namespace hub::kernels

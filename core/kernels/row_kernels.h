#pragma once

// Element-wise and row-wise operations for one level.
#include "core/kernels/compiler.h"
#include "core/kernels/cpu_ops.h"
#include "core/kernels/simd_math.h"

namespace hub::kernels {

// Calls body(offset, lanes) for each sixteen (or, at the end, fewer) of [begin, end).
template <class Body>
HUB_INLINE void for_lanes(std::int64_t begin, std::int64_t end, const Body& body) {
  std::int64_t i = begin;
  for (; i + 16 <= end; i += 16) {
    body(i, 16);
  }
  if (i < end) {
    body(i, static_cast<int>(end - i));
  }
}

template <class S>
HUB_INLINE typename S::F load_lanes(const float* p, int lanes) {
  return lanes == 16 ? S::load(p) : S::load_first(p, lanes);
}

template <class S>
HUB_INLINE void store_lanes(float* p, typename S::F a, int lanes) {
  if (lanes == 16) {
    S::store(p, a);
  } else {
    S::store_first(p, a, lanes);
  }
}

template <class S>
void swiglu(const float* gate, const float* up, float* out, std::int64_t begin, std::int64_t end) {
  for_lanes(begin, end, [&](std::int64_t i, int lanes) __attribute__((always_inline)) {
    const auto g = load_lanes<S>(gate + i, lanes);
    const auto silu = S::mul(g, sigmoid<S>(g));
    store_lanes<S>(out + i, S::mul(silu, load_lanes<S>(up + i, lanes)), lanes);
  });
}

// d silu(g) / dg = s (1 + g (1 - s)) with s = sigmoid(g)
template <class S>
void swiglu_gradient(
    const SwigluGradient& in,
    float* gate_gradient,
    float* up_gradient,
    std::int64_t begin,
    std::int64_t end) {
  for_lanes(begin, end, [&](std::int64_t i, int lanes) __attribute__((always_inline)) {
    const auto g = load_lanes<S>(in.gate + i, lanes);
    const auto d = load_lanes<S>(in.out_gradient + i, lanes);
    const auto s = sigmoid<S>(g);
    const auto one = S::set(1.0F);
    const auto slope = S::mul(s, S::fma(g, S::sub(one, s), one));
    const auto du = S::mul(d, load_lanes<S>(in.up + i, lanes));
    store_lanes<S>(gate_gradient + i, S::mul(du, slope), lanes);
    store_lanes<S>(up_gradient + i, S::mul(d, S::mul(g, s)), lanes);
  });
}

// 1 / sqrt(mean(x^2) + eps) of one row.
template <class S>
HUB_INLINE float inverse_rms(const float* x, int columns, float eps) {
  auto squares = S::zero();
  for_lanes(0, columns, [&](std::int64_t i, int lanes) __attribute__((always_inline)) {
    const auto a = load_lanes<S>(x + i, lanes);
    squares = S::fma(a, a, squares);
  });
  return 1.0F / __builtin_sqrtf(sum_lanes<S>(squares) / static_cast<float>(columns) + eps);
}

template <class S>
void rms_norm(const float* x, const float* weight, float eps, int columns, float* out, Range rows) {
  for (int row = rows.begin; row < rows.end; ++row) {
    const float* xr = x + static_cast<std::int64_t>(row) * columns;
    float* yr = out + static_cast<std::int64_t>(row) * columns;
    const auto inverse = S::set(inverse_rms<S>(xr, columns, eps));
    for_lanes(0, columns, [&](std::int64_t i, int lanes) __attribute__((always_inline)) {
      const auto scaled = S::mul(load_lanes<S>(xr + i, lanes), inverse);
      store_lanes<S>(yr + i, S::mul(scaled, load_lanes<S>(weight + i, lanes)), lanes);
    });
  }
}

// With r = inverse_rms and h = weight * out_gradient: dx = r (h - x r^2 sum(h x) / columns).
template <class S>
void rms_norm_gradient(const RmsNormGradient& in, float* gradient, Range rows) {
  for (int row = rows.begin; row < rows.end; ++row) {
    const std::int64_t at = static_cast<std::int64_t>(row) * in.columns;
    const float* x = in.x + at;
    const float* d = in.out_gradient + at;
    const float r = inverse_rms<S>(x, in.columns, in.eps);
    auto dot = S::zero();
    for_lanes(0, in.columns, [&](std::int64_t i, int lanes) __attribute__((always_inline)) {
      const auto h = S::mul(load_lanes<S>(in.weight + i, lanes), load_lanes<S>(d + i, lanes));
      dot = S::fma(h, load_lanes<S>(x + i, lanes), dot);
    });
    const auto pull = S::set(-r * r * sum_lanes<S>(dot) / static_cast<float>(in.columns));
    const auto scale = S::set(r);
    for_lanes(0, in.columns, [&](std::int64_t i, int lanes) __attribute__((always_inline)) {
      const auto h = S::mul(load_lanes<S>(in.weight + i, lanes), load_lanes<S>(d + i, lanes));
      const auto sum = S::fma(load_lanes<S>(x + i, lanes), pull, h);
      store_lanes<S>(gradient + at + i, S::mul(scale, sum), lanes);
    });
  }
}

// The last elements of a row, -infinity after them: neither the largest nor part of a sum of exp.
template <class S>
HUB_INLINE typename S::F load_or_nothing(const float* p, int lanes) {
  if (lanes == 16) {
    return S::load(p);
  }
  float all[16];
  for (int i = 0; i < 16; ++i) {
    all[i] = i < lanes ? p[i] : -__builtin_inff();
  }
  return S::load(all);
}

template <class S>
float log_sum_exp(const float* x, int n) {
  auto top = S::set(-__builtin_inff());
  for_lanes(0, n, [&](std::int64_t i, int lanes) __attribute__((always_inline)) {
    top = S::max(top, load_or_nothing<S>(x + i, lanes));
  });
  const float largest = max_lanes<S>(top);
  const auto base = S::set(largest);
  auto sum = S::zero();
  for_lanes(0, n, [&](std::int64_t i, int lanes) __attribute__((always_inline)) {
    sum = S::add(sum, exp<S>(S::sub(load_or_nothing<S>(x + i, lanes), base)));
  });
  return largest + __builtin_logf(sum_lanes<S>(sum));
}

template <class S>
void cross_entropy_gradient(
    const float* x, int n, float log_sum, int target, float factor, float* gradient) {
  const auto base = S::set(log_sum);
  const auto scale = S::set(factor);
  for_lanes(0, n, [&](std::int64_t i, int lanes) __attribute__((always_inline)) {
    const auto p = exp<S>(S::sub(load_lanes<S>(x + i, lanes), base));
    store_lanes<S>(gradient + i, S::mul(p, scale), lanes);
  });
  gradient[target] -= factor;
}

}  // namespace hub::kernels

#pragma once

// exp and what rests on it, for one level.
#include "core/kernels/compiler.h"

namespace hub::kernels {

// e^x with a relative error below 2e-7; 0 below -87.3, the value at 88.3 above; NaN for NaN. The
// reduction is exp(x) = 2^n exp(r) with |r| <= ln(2) / 2, the polynomial that of Cephes' expf.
template <class S>
HUB_INLINE typename S::F exp(typename S::F x) {
  const auto low = S::set(-87.3F);
  const auto clamped = S::min(S::set(88.3F), S::max(low, x));
  const auto n = S::round(S::mul(clamped, S::set(1.44269504088896341F)));
  auto r = S::fma(n, S::set(-0.693359375F), clamped);
  r = S::fma(n, S::set(2.12194440e-4F), r);
  auto p = S::set(1.9875691500e-4F);
  p = S::fma(p, r, S::set(1.3981999507e-3F));
  p = S::fma(p, r, S::set(8.3334519073e-3F));
  p = S::fma(p, r, S::set(4.1665795894e-2F));
  p = S::fma(p, r, S::set(1.6666665459e-1F));
  p = S::fma(p, r, S::set(5.0000001201e-1F));
  p = S::add(S::fma(p, S::mul(r, r), r), S::set(1.0F));
  return S::zero_if_less(S::mul(p, S::power_of_two(n)), x, low);
}

template <class S>
HUB_INLINE float exp_of(float x) {
  alignas(64) float lanes[16];
  S::store(lanes, exp<S>(S::set(x)));
  return lanes[0];
}

// 1 / (1 + e^-x)
template <class S>
HUB_INLINE typename S::F sigmoid(typename S::F x) {
  const auto one = S::set(1.0F);
  return S::div(one, S::add(one, exp<S>(S::sub(S::zero(), x))));
}

// The sum over the lanes, in the order of S::sum4.
template <class S>
HUB_INLINE float sum_lanes(typename S::F a) {
  alignas(16) float sums[4];
  S::sum4(a, a, a, a, sums);
  return sums[0];
}

template <class S>
HUB_INLINE float max_lanes(typename S::F a) {
  alignas(64) float lanes[16];
  S::store(lanes, a);
  float largest = lanes[0];
  for (int i = 1; i < 16; ++i) {
    largest = lanes[i] > largest ? lanes[i] : largest;
  }
  return largest;
}

}  // namespace hub::kernels

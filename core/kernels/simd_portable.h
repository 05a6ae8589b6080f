#pragma once

#include <cstdint>

#if defined(__aarch64__)
#include <arm_neon.h>
#endif

#include "core/kernels/compiler.h"

namespace hub::kernels {

// Sixteen float lanes on any machine; the compiler makes SSE2 or NEON of it. This is the reference
// for Avx2 and Avx512, which have the same members. Every kernel is a template over one of the
// three, so all of them sum in the same order.
struct Portable {
  using F4 = float __attribute__((vector_size(16)));
  struct F {
    F4 v[4];
  };
  // How a 4-bit field of one group becomes a float.
  struct Scaling {
    float scale, bias;
  };

  // Rows of x that a weight unpacked in registers meets at once, rows up to which unpacking it anew
  // for each such lot is quicker than a panel, and the register tiles of the two products:
  // accumulators that fit the register file.
  static constexpr int kFlyRows = 1, kFlyMost = 1;
  static constexpr int kDotRows = 1, kDotCols = 3;
  static constexpr int kOuterRows = 2, kOuterVectors = 1;

  HUB_INLINE F zero() { return set(0.0F); }
  HUB_INLINE F set(float x) {
    const F4 all{x, x, x, x};
    return {{all, all, all, all}};
  }
  HUB_INLINE F load(const float* p) {
    F r{};
    __builtin_memcpy(&r, p, sizeof(r));
    return r;
  }
  // The first n < 16 lanes from memory, zeros after them.
  HUB_INLINE F load_first(const float* p, int n) {
    float all[16] = {};
    for (int i = 0; i < n; ++i) {
      all[i] = p[i];
    }
    return load(all);
  }
  // Four neighbouring columns of sixteen rows: lane i of columns[j] is p[i * stride + j].
  HUB_INLINE void load_columns(const float* p, std::int64_t stride, F* columns) {
    for (int j = 0; j < 4; ++j) {
      for (int i = 0; i < 16; ++i) {
        columns[j].v[i / 4][i % 4] = p[i * stride + j];
      }
    }
  }
  HUB_INLINE void store(float* p, F a) { __builtin_memcpy(p, &a, sizeof(a)); }
  HUB_INLINE void store_first(float* p, F a, int n) {
    for (int i = 0; i < n; ++i) {
      p[i] = a.v[i / 4][i % 4];
    }
  }
  // n <= 16 IEEE half floats, zeros after them.
  HUB_INLINE F load_half(const std::uint16_t* p, int n) {
    float all[16] = {};
    for (int i = 0; i < n; ++i) {
      all[i] = from_half(p[i]);
    }
    return load(all);
  }

#define HUB_EACH(expression)    \
  F r{};                        \
  for (int i = 0; i < 4; ++i) { \
    r.v[i] = (expression);      \
  }                             \
  return r
  HUB_INLINE F add(F a, F b) { HUB_EACH(a.v[i] + b.v[i]); }
  HUB_INLINE F sub(F a, F b) { HUB_EACH(a.v[i] - b.v[i]); }
  HUB_INLINE F mul(F a, F b) { HUB_EACH(a.v[i] * b.v[i]); }
  HUB_INLINE F div(F a, F b) { HUB_EACH(a.v[i] / b.v[i]); }
  // a b + c
#if defined(__aarch64__)
  HUB_INLINE F fma(F a, F b, F c) { HUB_EACH(vfmaq_f32(c.v[i], a.v[i], b.v[i])); }
#else
  HUB_INLINE F fma(F a, F b, F c) { HUB_EACH(a.v[i] * b.v[i] + c.v[i]); }
#endif
  // As on x86: the second operand where one is NaN.
  HUB_INLINE F min(F a, F b) { HUB_EACH(a.v[i] < b.v[i] ? a.v[i] : b.v[i]); }
  HUB_INLINE F max(F a, F b) { HUB_EACH(a.v[i] > b.v[i] ? a.v[i] : b.v[i]); }
  // To the nearest integer, |a| < 2^22.
  HUB_INLINE F round(F a) {
    const F4 magic = {12582912.0F, 12582912.0F, 12582912.0F, 12582912.0F};
    HUB_EACH((a.v[i] + magic) - magic);
  }
  // 2^n for an integer n in [-126, 127].
  HUB_INLINE F power_of_two(F n) {
    float all[16];
    store(all, n);
    for (float& x : all) {
      // NaN has no integer; its power is multiplied with NaN anyway.
      const int exponent = x == x ? static_cast<int>(x) : 0;
      const std::uint32_t bits = static_cast<std::uint32_t>(exponent + 127) << 23U;
      __builtin_memcpy(&x, &bits, sizeof(x));
    }
    return load(all);
  }
  // value, but 0 where a < b
  HUB_INLINE F zero_if_less(F value, F a, F b) {
    const F4 none = {0, 0, 0, 0};
    HUB_EACH(a.v[i] < b.v[i] ? none : value.v[i]);
  }
#undef HUB_EACH

  // The sums over the lanes of a, b, c, d -> out[0..3]. The order is part of the contract: lanes i
  // and i + 8, then i and i + 4, then i and i + 2, then 0 and 1.
  HUB_INLINE float sum(F a) {
    const F4 four = (a.v[0] + a.v[2]) + (a.v[1] + a.v[3]);
    return (four[0] + four[2]) + (four[1] + four[3]);
  }
  HUB_INLINE void sum4(F a, F b, F c, F d, float* out) {
    out[0] = sum(a);
    out[1] = sum(b);
    out[2] = sum(c);
    out[3] = sum(d);
  }

  HUB_INLINE Scaling scaling4(float scale, float bias) { return {scale, bias}; }
  // 32 weights of one group from four words. Field 8u + i goes to lane 4 (i % 4) + u of a (i < 4)
  // or b: the order in which the wide units get them without shuffling. x is brought into it once.
  HUB_INLINE void unpack4(const std::uint32_t* words, const Scaling& scaling, F& a, F& b) {
    float all[32];
    for (int i = 0; i < 8; ++i) {
      for (int u = 0; u < 4; ++u) {
        const auto field =
            static_cast<std::int32_t>((words[u] >> (4U * static_cast<unsigned>(i))) & 15U);
        all[4 * i + u] = static_cast<float>(field);
      }
    }
    a = fma(load(all), set(scaling.scale), set(scaling.bias));
    b = fma(load(all + 16), set(scaling.scale), set(scaling.bias));
  }
  // Undoes that order.
  HUB_INLINE void natural_order(F& a, F& b) {
    float mixed[32];
    float plain[32];
    store(mixed, a);
    store(mixed + 16, b);
    for (int u = 0; u < 4; ++u) {
      for (int i = 0; i < 8; ++i) {
        plain[8 * u + i] = mixed[4 * i + u];
      }
    }
    a = load(plain);
    b = load(plain + 16);
  }
  // Sixteen 8-bit weights of one group.
  HUB_INLINE F unpack8(const std::uint8_t* fields, F scale, F bias) {
    float all[16];
    for (int i = 0; i < 16; ++i) {
      all[i] = static_cast<float>(fields[i]);
    }
    return fma(load(all), scale, bias);
  }
  HUB_INLINE void prefetch(const void* p) { __builtin_prefetch(p); }

 private:
  HUB_INLINE float from_half(std::uint16_t half) {
    const std::uint32_t sign = static_cast<std::uint32_t>(half & 0x8000U) << 16U;
    const std::uint32_t exponent = (half >> 10U) & 31U;
    const std::uint32_t fraction = half & 1023U;
    if (exponent == 0) {  // subnormal: fraction * 2^-24
      const float magnitude = static_cast<float>(fraction) * 5.9604644775390625e-8F;
      return sign != 0 ? -magnitude : magnitude;
    }
    const std::uint32_t rebiased = exponent == 31 ? 255 : exponent + 112;
    const std::uint32_t bits = sign | (rebiased << 23U) | (fraction << 13U);
    float result = 0.0F;
    __builtin_memcpy(&result, &bits, sizeof(result));
    return result;
  }
};

}  // namespace hub::kernels

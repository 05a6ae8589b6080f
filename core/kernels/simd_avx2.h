#pragma once

// Included by cpu_ops_avx2.cpp alone, which is compiled for AVX2, FMA and F16C. See simd_portable.h
// for what the members mean.
#include <cstdint>

#include <immintrin.h>

#include "core/kernels/compiler.h"

namespace hub::kernels {

struct Avx2 {
  struct F {
    __m256 lo, hi;  // lanes 0-7 and 8-15
  };
  struct Scaling {
    __m256 scale, bias;
  };

  static constexpr int kFlyRows = 1, kFlyMost = 1;
  static constexpr int kDotRows = 2, kDotCols = 3;
  static constexpr int kOuterRows = 3, kOuterVectors = 2;

  HUB_INLINE __m256i first(int n) {
    const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), lanes);
  }

  HUB_INLINE F zero() { return {_mm256_setzero_ps(), _mm256_setzero_ps()}; }
  HUB_INLINE F set(float x) { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
  HUB_INLINE F load(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
  HUB_INLINE F load_first(const float* p, int n) {
    return {_mm256_maskload_ps(p, first(n)), _mm256_maskload_ps(p + 8, first(n - 8))};
  }
  // Of the eight rows from p.
  HUB_INLINE void load_columns(const float* p, std::int64_t stride, __m256* columns) {
    const auto two_rows = [&](std::int64_t row) __attribute__((always_inline)) {
      const __m256 low = _mm256_castps128_ps256(_mm_loadu_ps(p + row * stride));
      return _mm256_insertf128_ps(low, _mm_loadu_ps(p + (row + 4) * stride), 1);
    };
    const __m256 a = two_rows(0), b = two_rows(1), c = two_rows(2), d = two_rows(3);
    const __m256 ab = _mm256_unpacklo_ps(a, b), cd = _mm256_unpacklo_ps(c, d);
    columns[0] = _mm256_shuffle_ps(ab, cd, 0x44);
    columns[1] = _mm256_shuffle_ps(ab, cd, 0xEE);
    const __m256 ab_high = _mm256_unpackhi_ps(a, b), cd_high = _mm256_unpackhi_ps(c, d);
    columns[2] = _mm256_shuffle_ps(ab_high, cd_high, 0x44);
    columns[3] = _mm256_shuffle_ps(ab_high, cd_high, 0xEE);
  }
  HUB_INLINE void load_columns(const float* p, std::int64_t stride, F* columns) {
    __m256 low[4], high[4];
    load_columns(p, stride, low);
    load_columns(p + 8 * stride, stride, high);
    for (int j = 0; j < 4; ++j) {
      columns[j] = {low[j], high[j]};
    }
  }
  HUB_INLINE void store(float* p, F a) {
    _mm256_storeu_ps(p, a.lo);
    _mm256_storeu_ps(p + 8, a.hi);
  }
  HUB_INLINE void store_first(float* p, F a, int n) {
    _mm256_maskstore_ps(p, first(n), a.lo);
    _mm256_maskstore_ps(p + 8, first(n - 8), a.hi);
  }
  HUB_INLINE F load_half(const std::uint16_t* p, int n) {
    alignas(32) std::uint16_t whole[16] = {};
    for (int i = 0; i < n; ++i) {
      whole[i] = p[i];
    }
    const auto* halves = reinterpret_cast<const __m128i*>(whole);
    return {_mm256_cvtph_ps(_mm_loadu_si128(halves)), _mm256_cvtph_ps(_mm_loadu_si128(halves + 1))};
  }

  HUB_INLINE F add(F a, F b) { return {_mm256_add_ps(a.lo, b.lo), _mm256_add_ps(a.hi, b.hi)}; }
  HUB_INLINE F sub(F a, F b) { return {_mm256_sub_ps(a.lo, b.lo), _mm256_sub_ps(a.hi, b.hi)}; }
  HUB_INLINE F mul(F a, F b) { return {_mm256_mul_ps(a.lo, b.lo), _mm256_mul_ps(a.hi, b.hi)}; }
  HUB_INLINE F div(F a, F b) { return {_mm256_div_ps(a.lo, b.lo), _mm256_div_ps(a.hi, b.hi)}; }
  HUB_INLINE F fma(F a, F b, F c) {
    return {_mm256_fmadd_ps(a.lo, b.lo, c.lo), _mm256_fmadd_ps(a.hi, b.hi, c.hi)};
  }
  HUB_INLINE F min(F a, F b) { return {_mm256_min_ps(a.lo, b.lo), _mm256_min_ps(a.hi, b.hi)}; }
  HUB_INLINE F max(F a, F b) { return {_mm256_max_ps(a.lo, b.lo), _mm256_max_ps(a.hi, b.hi)}; }
  HUB_INLINE F round(F a) {
    return {
        _mm256_round_ps(a.lo, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC),
        _mm256_round_ps(a.hi, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
  }
  HUB_INLINE __m256 power_of_two(__m256 n) {
    const __m256i biased = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
    return _mm256_castsi256_ps(_mm256_slli_epi32(biased, 23));
  }
  HUB_INLINE F power_of_two(F n) { return {power_of_two(n.lo), power_of_two(n.hi)}; }
  HUB_INLINE F zero_if_less(F value, F a, F b) {
    return {
        _mm256_andnot_ps(_mm256_cmp_ps(a.lo, b.lo, _CMP_LT_OQ), value.lo),
        _mm256_andnot_ps(_mm256_cmp_ps(a.hi, b.hi, _CMP_LT_OQ), value.hi)};
  }

  HUB_INLINE __m128 fold(F a) {
    const __m256 eight = _mm256_add_ps(a.lo, a.hi);
    return _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  }
  HUB_INLINE void sum4(F a, F b, F c, F d, float* out) {
    const __m128 x = fold(a), y = fold(b), z = fold(c), w = fold(d);
    const __m128 xy = _mm_add_ps(_mm_unpacklo_ps(x, y), _mm_unpackhi_ps(x, y));
    const __m128 zw = _mm_add_ps(_mm_unpacklo_ps(z, w), _mm_unpackhi_ps(z, w));
    _mm_storeu_ps(out, _mm_add_ps(_mm_movelh_ps(xy, zw), _mm_movehl_ps(zw, xy)));
  }

  HUB_INLINE Scaling scaling4(float scale, float bias) {
    return {_mm256_set1_ps(scale), _mm256_set1_ps(bias)};
  }
  HUB_INLINE __m256 fields4(__m256i words, __m256i shift, const Scaling& scaling) {
    const __m256i fields = _mm256_and_si256(_mm256_srlv_epi32(words, shift), _mm256_set1_epi32(15));
    return _mm256_fmadd_ps(_mm256_cvtepi32_ps(fields), scaling.scale, scaling.bias);
  }
  HUB_INLINE void unpack4(const std::uint32_t* words, const Scaling& scaling, F& a, F& b) {
    const __m256i all =
        _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(words)));
    a.lo = fields4(all, _mm256_setr_epi32(0, 0, 0, 0, 4, 4, 4, 4), scaling);
    a.hi = fields4(all, _mm256_setr_epi32(8, 8, 8, 8, 12, 12, 12, 12), scaling);
    b.lo = fields4(all, _mm256_setr_epi32(16, 16, 16, 16, 20, 20, 20, 20), scaling);
    b.hi = fields4(all, _mm256_setr_epi32(24, 24, 24, 24, 28, 28, 28, 28), scaling);
  }
  HUB_INLINE void natural_order(F& a, F& b) {
    alignas(32) float mixed[32];
    alignas(32) float plain[32];
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
  HUB_INLINE F unpack8(const std::uint8_t* fields, F scale, F bias) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(fields));
    const __m256i low = _mm256_cvtepu8_epi32(bytes);
    const __m256i high = _mm256_cvtepu8_epi32(_mm_srli_si128(bytes, 8));
    return fma({_mm256_cvtepi32_ps(low), _mm256_cvtepi32_ps(high)}, scale, bias);
  }
  HUB_INLINE void prefetch(const void* p) {
    _mm_prefetch(static_cast<const char*>(p), _MM_HINT_T0);
  }
};

}  // namespace hub::kernels

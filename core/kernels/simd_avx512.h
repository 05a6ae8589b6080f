#pragma once

// Included by cpu_ops_avx512.cpp alone, which is compiled for AVX-512. See simd_portable.h for what
// the members mean.
#include <cstdint>

#include <immintrin.h>

#include "core/kernels/compiler.h"

namespace hub::kernels {

struct Avx512 {
  using F = __m512;
  struct Scaling {
    F table;  // the sixteen values that a 4-bit field can stand for
  };

  static constexpr int kFlyRows = 12, kFlyMost = 16;
  static constexpr int kDotRows = 4, kDotCols = 6;
  static constexpr int kOuterRows = 6, kOuterVectors = 4;

  HUB_INLINE __mmask16 first(int n) { return static_cast<__mmask16>((1U << n) - 1U); }

  HUB_INLINE F zero() { return _mm512_setzero_ps(); }
  HUB_INLINE F set(float x) { return _mm512_set1_ps(x); }
  HUB_INLINE F load(const float* p) { return _mm512_loadu_ps(p); }
  HUB_INLINE F load_first(const float* p, int n) { return _mm512_maskz_loadu_ps(first(n), p); }
  HUB_INLINE void load_columns(const float* p, std::int64_t stride, F* columns) {
    // Rows i, i + 4, i + 8 and i + 12 by loads that insert, which spare the shuffling unit.
    const auto four_rows = [&](std::int64_t row) __attribute__((always_inline)) {
      F x = _mm512_castps128_ps512(_mm_loadu_ps(p + row * stride));
      x = _mm512_insertf32x4(x, _mm_loadu_ps(p + (row + 4) * stride), 1);
      x = _mm512_insertf32x4(x, _mm_loadu_ps(p + (row + 8) * stride), 2);
      return _mm512_insertf32x4(x, _mm_loadu_ps(p + (row + 12) * stride), 3);
    };
    const F a = four_rows(0), b = four_rows(1), c = four_rows(2), d = four_rows(3);
    const F ab = _mm512_unpacklo_ps(a, b), cd = _mm512_unpacklo_ps(c, d);
    columns[0] = _mm512_shuffle_ps(ab, cd, 0x44);
    columns[1] = _mm512_shuffle_ps(ab, cd, 0xEE);
    const F ab_high = _mm512_unpackhi_ps(a, b), cd_high = _mm512_unpackhi_ps(c, d);
    columns[2] = _mm512_shuffle_ps(ab_high, cd_high, 0x44);
    columns[3] = _mm512_shuffle_ps(ab_high, cd_high, 0xEE);
  }
  HUB_INLINE void store(float* p, F a) { _mm512_storeu_ps(p, a); }
  HUB_INLINE void store_first(float* p, F a, int n) { _mm512_mask_storeu_ps(p, first(n), a); }
  HUB_INLINE F load_half(const std::uint16_t* p, int n) {
    return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(first(n), p));
  }

  HUB_INLINE F add(F a, F b) { return _mm512_add_ps(a, b); }
  HUB_INLINE F sub(F a, F b) { return _mm512_sub_ps(a, b); }
  HUB_INLINE F mul(F a, F b) { return _mm512_mul_ps(a, b); }
  HUB_INLINE F div(F a, F b) { return _mm512_div_ps(a, b); }
  HUB_INLINE F fma(F a, F b, F c) { return _mm512_fmadd_ps(a, b, c); }
  HUB_INLINE F min(F a, F b) { return _mm512_min_ps(a, b); }
  HUB_INLINE F max(F a, F b) { return _mm512_max_ps(a, b); }
  HUB_INLINE F round(F a) {
    return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  }
  HUB_INLINE F power_of_two(F n) {
    const __m512i biased = _mm512_add_epi32(_mm512_cvtps_epi32(n), _mm512_set1_epi32(127));
    return _mm512_castsi512_ps(_mm512_slli_epi32(biased, 23));
  }
  HUB_INLINE F zero_if_less(F value, F a, F b) {
    return _mm512_mask_mov_ps(value, _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ), zero());
  }

  HUB_INLINE void sum4(F a, F b, F c, F d, float* out) {
    const F ab = add(_mm512_shuffle_f32x4(a, b, 0x44), _mm512_shuffle_f32x4(a, b, 0xEE));
    const F cd = add(_mm512_shuffle_f32x4(c, d, 0x44), _mm512_shuffle_f32x4(c, d, 0xEE));
    const F q = add(_mm512_shuffle_f32x4(ab, cd, 0x88), _mm512_shuffle_f32x4(ab, cd, 0xDD));
    const F r = add(q, _mm512_permute_ps(q, 0x4E));
    const F s = add(r, _mm512_permute_ps(r, 0xB1));
    _mm_storeu_ps(out, _mm512_castps512_ps128(_mm512_maskz_compress_ps(0x1111, s)));
  }

  HUB_INLINE Scaling scaling4(float scale, float bias) {
    const F fields = _mm512_setr_ps(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    return {fma(fields, set(scale), set(bias))};
  }
  HUB_INLINE void unpack4(const std::uint32_t* words, const Scaling& scaling, F& a, F& b) {
    const __m512i all =
        _mm512_broadcast_i32x4(_mm_loadu_si128(reinterpret_cast<const __m128i*>(words)));
    const __m512i shift = _mm512_setr_epi32(0, 0, 0, 0, 4, 4, 4, 4, 8, 8, 8, 8, 12, 12, 12, 12);
    // vpermps looks at the low four bits of an index only.
    a = _mm512_permutexvar_ps(_mm512_srlv_epi32(all, shift), scaling.table);
    const __m512i high = _mm512_add_epi32(shift, _mm512_set1_epi32(16));
    b = _mm512_permutexvar_ps(_mm512_srlv_epi32(all, high), scaling.table);
  }
  HUB_INLINE void natural_order(F& a, F& b) {
    // Field 8u + i stands at lane 4 (i % 4) + u of vector i / 4.
    const __m512i low = _mm512_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28, 1, 5, 9, 13, 17, 21, 25, 29);
    const __m512i high = _mm512_add_epi32(low, _mm512_set1_epi32(2));
    const F x = _mm512_permutex2var_ps(a, low, b);
    b = _mm512_permutex2var_ps(a, high, b);
    a = x;
  }
  HUB_INLINE F unpack8(const std::uint8_t* fields, F scale, F bias) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(fields));
    return fma(_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(bytes)), scale, bias);
  }
  HUB_INLINE void prefetch(const void* p) {
    _mm_prefetch(static_cast<const char*>(p), _MM_HINT_T0);
  }
};

}  // namespace hub::kernels

// Compiled for its level (core/CMakeLists.txt). No standard headers with inline functions here: the
// linker might keep this file's copy of one, and the program would need this level everywhere.
#if defined(__x86_64__)

#if !defined(__clang__)
// GCC 12 blames its own intrinsics.
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

#include "core/kernels/int8_ops.h"
#include "core/kernels/simd_avx512.h"
// After it: the kernels are written in its terms.
#include "core/kernels/int8_kernels.h"

namespace hub::kernels {

namespace {

struct Vnni : Avx512 {
  static constexpr int kInt8Rows = 16;

  template <int kBits>
  struct Fields {
    __m512i quads[8];  // [k / 4], each [column][k % 4]
  };

  template <int kBits>
  HUB_INLINE Fields<kBits> unpack(const std::uint8_t* p) {
    Fields<kBits> fields{};
    if constexpr (kBits == 8) {
      for (int quad = 0; quad < 8; ++quad) {
        fields.quads[quad] = _mm512_loadu_si512(p + 64 * quad);
      }
    } else {
      const __m512i mask = _mm512_set1_epi8(15);
      for (int pair = 0; pair < 4; ++pair) {
        const __m512i both = _mm512_loadu_si512(p + 64 * pair);
        fields.quads[2 * pair] = _mm512_and_si512(both, mask);
        fields.quads[2 * pair + 1] = _mm512_and_si512(_mm512_srli_epi16(both, 4), mask);
      }
    }
    return fields;
  }

  template <int kBits>
  HUB_INLINE F dot(const Fields<kBits>& fields, const std::int8_t* x) {
    __m512i sum = _mm512_setzero_si512();
    HUB_UNROLL
    for (int quad = 0; quad < 8; ++quad) {
      int four = 0;
      __builtin_memcpy(&four, x + 4 * quad, sizeof(four));
      sum = _mm512_dpbusd_epi32(sum, fields.quads[quad], _mm512_set1_epi32(four));
    }
    return _mm512_cvtepi32_ps(sum);
  }

  HUB_INLINE float largest(F a, F b) {  // as bits, among which a NaN is above all
    const __m512i mask = _mm512_set1_epi32(0x7FFFFFFF);
    const __m512i left = _mm512_and_si512(_mm512_castps_si512(a), mask);
    const __m512i right = _mm512_and_si512(_mm512_castps_si512(b), mask);
    const int most = _mm512_reduce_max_epi32(_mm512_max_epi32(left, right));
    float result = 0.0F;
    __builtin_memcpy(&result, &most, sizeof(result));
    return result;
  }

  HUB_INLINE int store_bytes(std::int8_t* p, F a, F b) {
    const __m512i left = _mm512_cvtps_epi32(a);
    const __m512i right = _mm512_cvtps_epi32(b);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtepi32_epi8(left));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p + 16), _mm512_cvtepi32_epi8(right));
    return _mm512_reduce_add_epi32(_mm512_add_epi32(left, right));
  }
};

}  // namespace

const Int8Ops& vnni_int8_ops() {
  static const Int8Ops ops{quantize_int8<Vnni>, int8_dot<Vnni>};
  return ops;
}

}  // namespace hub::kernels

#endif

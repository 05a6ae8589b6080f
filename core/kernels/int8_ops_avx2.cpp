// Compiled for its level (core/CMakeLists.txt). No standard headers with inline functions here: the
// linker might keep this file's copy of one, and the program would need this level everywhere.
#if defined(__x86_64__)

#include "core/kernels/int8_ops.h"
#include "core/kernels/simd_avx2.h"
// After it: the kernels are written in its terms.
#include "core/kernels/int8_kernels.h"

namespace hub::kernels {

namespace {

// vpmaddubsw saturates at 16 bits, which a field of 8 bits could reach (2 * 255 * 127); a field of
// 4 bits does not, nor do the sums of a whole step (32 / 2 * 15 * 127 = 30480 for each half). So 8
// bits go as two times 4.
struct Avx2Int8 : Avx2 {
  static constexpr int kInt8Rows = 4;

  struct Nibbles {
    __m256i quads[8][2];  // [k / 4][columns 0-7, 8-15]
  };
  template <int kBits>
  struct Fields {
    Nibbles part[kBits / 4];  // low, high
  };

  HUB_INLINE __m256i load_bytes(const std::uint8_t* p) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  }
  HUB_INLINE __m256i low(__m256i bytes) { return _mm256_and_si256(bytes, _mm256_set1_epi8(15)); }
  HUB_INLINE __m256i high(__m256i bytes) { return low(_mm256_srli_epi16(bytes, 4)); }

  template <int kBits>
  HUB_INLINE Fields<kBits> unpack(const std::uint8_t* p) {
    Fields<kBits> fields{};
    for (int half = 0; half < 2; ++half) {
      if constexpr (kBits == 4) {
        for (int pair = 0; pair < 4; ++pair) {
          const __m256i both = load_bytes(p + 64 * pair + 32 * half);
          fields.part[0].quads[2 * pair][half] = low(both);
          fields.part[0].quads[2 * pair + 1][half] = high(both);
        }
      } else {
        for (int quad = 0; quad < 8; ++quad) {
          const __m256i bytes = load_bytes(p + 64 * quad + 32 * half);
          fields.part[0].quads[quad][half] = low(bytes);
          fields.part[1].quads[quad][half] = high(bytes);
        }
      }
    }
    return fields;
  }

  HUB_INLINE __m256i four(const std::int8_t* x) {
    int all = 0;
    __builtin_memcpy(&all, x, sizeof(all));
    return _mm256_set1_epi32(all);
  }

  HUB_INLINE __m256i dot(const Nibbles& fields, int half, const std::int8_t* x, short factor) {
    __m256i sum = _mm256_maddubs_epi16(fields.quads[0][half], four(x));
    HUB_UNROLL
    for (int quad = 1; quad < 8; ++quad) {
      const __m256i product = _mm256_maddubs_epi16(fields.quads[quad][half], four(x + 4 * quad));
      sum = _mm256_add_epi16(sum, product);
    }
    return _mm256_madd_epi16(sum, _mm256_set1_epi16(factor));
  }

  template <int kBits>
  HUB_INLINE F dot(const Fields<kBits>& fields, const std::int8_t* x) {
    __m256i sums[2];
    for (int half = 0; half < 2; ++half) {
      sums[half] = dot(fields.part[0], half, x, 1);
      if constexpr (kBits == 8) {
        sums[half] = _mm256_add_epi32(sums[half], dot(fields.part[1], half, x, 16));
      }
    }
    return {_mm256_cvtepi32_ps(sums[0]), _mm256_cvtepi32_ps(sums[1])};
  }

  HUB_INLINE __m256i magnitude(__m256 x) {
    return _mm256_and_si256(_mm256_castps_si256(x), _mm256_set1_epi32(0x7FFFFFFF));
  }
  HUB_INLINE float largest(F a, F b) {  // as bits, among which a NaN is above all
    const __m256i all = _mm256_max_epi32(
        _mm256_max_epi32(magnitude(a.lo), magnitude(a.hi)),
        _mm256_max_epi32(magnitude(b.lo), magnitude(b.hi)));
    __m128i most = _mm_max_epi32(_mm256_castsi256_si128(all), _mm256_extracti128_si256(all, 1));
    most = _mm_max_epi32(most, _mm_shuffle_epi32(most, 0x4E));
    most = _mm_max_epi32(most, _mm_shuffle_epi32(most, 0xB1));
    return _mm_cvtss_f32(_mm_castsi128_ps(most));
  }

  HUB_INLINE int store_bytes(std::int8_t* p, F a, F b) {
    const __m256i words = _mm256_packs_epi32(_mm256_cvtps_epi32(a.lo), _mm256_cvtps_epi32(a.hi));
    const __m256i more = _mm256_packs_epi32(_mm256_cvtps_epi32(b.lo), _mm256_cvtps_epi32(b.hi));
    // Packing works on each half by itself.
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    const __m256i bytes = _mm256_permutevar8x32_epi32(_mm256_packs_epi16(words, more), order);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), bytes);
    const __m256i four_sums =
        _mm256_madd_epi16(_mm256_maddubs_epi16(_mm256_set1_epi8(1), bytes), _mm256_set1_epi16(1));
    __m128i sum =
        _mm_add_epi32(_mm256_castsi256_si128(four_sums), _mm256_extracti128_si256(four_sums, 1));
    sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0x4E));
    sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0xB1));
    return _mm_cvtsi128_si32(sum);
  }
};

}  // namespace

const Int8Ops& avx2_int8_ops() {
  static const Int8Ops ops{quantize_int8<Avx2Int8>, int8_dot<Avx2Int8>};
  return ops;
}

}  // namespace hub::kernels

#endif

// Compiled for its level (core/CMakeLists.txt). No standard headers with inline functions here: the
// linker might keep this file's copy of one, and the program would need this level everywhere.
#include "core/kernels/int8_ops.h"
#include "core/kernels/simd_portable.h"
// After it: the kernels are written in its terms.
#include "core/kernels/int8_kernels.h"

namespace hub::kernels {

namespace {

struct PortableInt8 : Portable {
  static constexpr int kInt8Rows = 4;

  template <int kBits>
  struct Fields {
    std::uint8_t all[8][kInt8Columns][4];  // [k / 4][column][k % 4]
  };

  template <int kBits>
  HUB_INLINE Fields<kBits> unpack(const std::uint8_t* p) {
    Fields<kBits> fields{};
    if constexpr (kBits == 8) {
      __builtin_memcpy(&fields, p, sizeof(fields));
      return fields;
    }
    for (int pair = 0; pair < 4; ++pair) {
      for (int column = 0; column < kInt8Columns; ++column) {
        for (int k = 0; k < 4; ++k) {
          const unsigned both = p[(pair * kInt8Columns + column) * 4 + k];
          fields.all[2 * pair][column][k] = static_cast<std::uint8_t>(both & 15U);
          fields.all[2 * pair + 1][column][k] = static_cast<std::uint8_t>(both >> 4U);
        }
      }
    }
    return fields;
  }

  template <int kBits>
  HUB_INLINE F dot(const Fields<kBits>& fields, const std::int8_t* x) {
    int sums[kInt8Columns] = {};
    for (int quad = 0; quad < 8; ++quad) {
      for (int column = 0; column < kInt8Columns; ++column) {
        for (int k = 0; k < 4; ++k) {
          sums[column] += int{fields.all[quad][column][k]} * int{x[4 * quad + k]};
        }
      }
    }
    float floats[kInt8Columns];
    for (int column = 0; column < kInt8Columns; ++column) {
      floats[column] = static_cast<float>(sums[column]);
    }
    return load(floats);
  }

  // Fused, unlike that of Portable, so that all levels have the same bits.
  HUB_INLINE F fma(F a, F b, F c) {
    float all[3][16];
    store(all[0], a);
    store(all[1], b);
    store(all[2], c);
    for (int i = 0; i < 16; ++i) {
      all[2][i] = __builtin_fmaf(all[0][i], all[1][i], all[2][i]);
    }
    return load(all[2]);
  }

  HUB_INLINE float largest(F a, F b) {
    std::uint32_t most = 0;  // magnitudes compare as their bits do, and a NaN above all
    std::uint32_t bits[32];
    __builtin_memcpy(bits, &a, sizeof(a));
    __builtin_memcpy(bits + 16, &b, sizeof(b));
    for (const std::uint32_t each : bits) {
      const std::uint32_t magnitude = each & 0x7FFFFFFFU;
      most = magnitude > most ? magnitude : most;
    }
    float result = 0.0F;
    __builtin_memcpy(&result, &most, sizeof(result));
    return result;
  }

  HUB_INLINE int store_bytes(std::int8_t* p, F a, F b) {
    float numbers[32];
    store(numbers, round(a));
    store(numbers + 16, round(b));
    int sum = 0;
    for (int i = 0; i < 32; ++i) {
      p[i] = static_cast<std::int8_t>(static_cast<int>(numbers[i]));
      sum += p[i];
    }
    return sum;
  }
};

}  // namespace

const Int8Ops& portable_int8_ops() {
  static const Int8Ops ops{quantize_int8<PortableInt8>, int8_dot<PortableInt8>};
  return ops;
}

}  // namespace hub::kernels

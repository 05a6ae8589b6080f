#include "core/gguf/affine.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "core/base/error.h"
#include "core/base/half.h"

namespace hub::gguf {
namespace {

using base::float_to_half;
using base::half_to_float;

constexpr std::uint16_t kHalfInfinity = 0x7C00;

[[noreturn]] void fail_range() {
  throw base::Error(
      base::ErrorCode::kUnprocessable,
      "a scale or bias is too large for half precision",
      {},
      "gguf_invalid");
}

std::uint16_t finite_half(float value) {
  const std::uint16_t half = float_to_half(value);
  if ((half & kHalfInfinity) == kHalfInfinity) {
    fail_range();
  }
  return half;
}

// Packs one group, value 0 in the lowest bits.
void pack(const std::array<std::uint8_t, kGroupValues>& values, int bits, std::uint32_t* words) {
  const auto per_word = static_cast<std::size_t>(32 / bits);
  for (std::size_t i = 0; i < values.size(); ++i) {
    std::uint32_t& word = words[i / per_word];
    const auto shift = static_cast<unsigned>((i % per_word) * static_cast<std::size_t>(bits));
    word = (shift == 0 ? 0U : word) | (static_cast<std::uint32_t>(values.at(i)) << shift);
  }
}

std::size_t words_of_group(int bits) {
  return static_cast<std::size_t>(bits);  // 32 values of `bits` bits in words of 32
}

std::uint16_t half_at(const std::uint8_t* at) {
  std::uint16_t half = 0;
  std::memcpy(&half, at, sizeof(half));
  return half;
}

}  // namespace

int repacked_bits(TensorType type) {
  if (type == TensorType::kQ40 || type == TensorType::kQ41) {
    return 4;
  }
  return type == TensorType::kQ80 ? 8 : 0;
}

void repack(TensorType type, std::span<const std::uint8_t> blocks, const AffineRows& out) {
  const TypeTraits& one = traits(type);
  const int bits = repacked_bits(type);
  const std::size_t count = blocks.size() / one.block_bytes;
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint8_t* block = blocks.data() + i * one.block_bytes;
    std::array<std::uint8_t, kGroupValues> q{};
    const std::uint16_t scale = half_at(block);
    std::uint16_t bias = 0;
    if (bits == 4) {
      const bool has_minimum = type == TensorType::kQ41;
      const std::uint8_t* nibbles = block + (has_minimum ? 4 : 2);
      for (std::size_t j = 0; j < 16; ++j) {
        q.at(j) = nibbles[j] & 15U;
        q.at(j + 16) = static_cast<std::uint8_t>(nibbles[j] >> 4U);
      }
      // A power of two times a half is exact.
      bias = has_minimum ? half_at(block + 2) : finite_half(half_to_float(scale) * -8.0F);
    } else {
      for (std::size_t j = 0; j < q.size(); ++j) {
        q.at(j) = static_cast<std::uint8_t>(block[2 + j] ^ 0x80U);  // int8 + 128
      }
      bias = finite_half(half_to_float(scale) * -128.0F);
    }
    pack(q, bits, out.words.data() + i * words_of_group(bits));
    out.scales[i] = scale;
    out.biases[i] = bias;
  }
}

void quantize(std::span<const float> values, int bits, const AffineRows& out) {
  constexpr float least_scale = 1e-7F;
  const auto steps = static_cast<float>((1 << bits) - 1);
  for (std::size_t group = 0; group * kGroupValues < values.size(); ++group) {
    const auto part = values.subspan(group * kGroupValues, kGroupValues);
    const auto [low, high] = std::minmax_element(part.begin(), part.end());
    if (!std::isfinite(*low) || !std::isfinite(*high)) {
      fail_range();
    }
    const bool low_is_far = std::abs(*low) > std::abs(*high);
    const float edge = low_is_far ? *low : *high;
    float scale = std::max((*high - *low) / steps, least_scale);
    scale = low_is_far ? scale : -scale;
    const float edge_steps = std::round(edge / scale);
    const bool has_zero = edge_steps != 0.0F;
    scale = has_zero ? edge / edge_steps : scale;
    const float bias = has_zero ? edge : 0.0F;
    out.scales[group] = finite_half(scale);
    out.biases[group] = finite_half(bias);
    const float kept_scale = half_to_float(out.scales[group]);
    const float kept_bias = half_to_float(out.biases[group]);
    std::array<std::uint8_t, kGroupValues> q{};
    for (std::size_t i = 0; i < q.size(); ++i) {
      const float exact = kept_scale == 0.0F ? 0.0F : (part[i] - kept_bias) / kept_scale;
      q.at(i) = static_cast<std::uint8_t>(std::clamp(std::round(exact), 0.0F, steps));
    }
    pack(q, bits, out.words.data() + group * words_of_group(bits));
  }
}

}  // namespace hub::gguf

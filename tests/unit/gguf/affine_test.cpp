#include "core/gguf/affine.h"

#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "core/base/error.h"
#include "core/base/half.h"
#include "core/gguf/dequantize.h"

namespace hub::gguf {
namespace {

using base::float_to_half;
using base::half_to_float;

// What MLX computes from a packed row.
std::vector<float> unpacked(
    const std::vector<std::uint32_t>& words,
    const std::vector<std::uint16_t>& scales,
    const std::vector<std::uint16_t>& biases,
    int bits) {
  const auto per_word = static_cast<std::size_t>(32 / bits);
  std::vector<float> values(words.size() * per_word);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::uint32_t q =
        words[i / per_word] >> (static_cast<std::size_t>(bits) * (i % per_word)) &
        ((1U << static_cast<unsigned>(bits)) - 1U);
    values[i] = half_to_float(scales[i / kGroupValues]) * static_cast<float>(q) +
                half_to_float(biases[i / kGroupValues]);
  }
  return values;
}

struct Packed {
  Packed(std::size_t values, int bits)
      : words(values * static_cast<std::size_t>(bits) / 32),
        scales(values / kGroupValues),
        biases(values / kGroupValues) {}
  AffineRows rows() { return {words, scales, biases}; }
  std::vector<std::uint32_t> words;
  std::vector<std::uint16_t> scales;
  std::vector<std::uint16_t> biases;
};

TEST(HalfTest, EveryHalfGoesThereAndBack) {
  for (std::uint32_t bits = 0; bits < 0x10000U; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    const float value = half_to_float(half);
    if (std::isnan(value)) {
      EXPECT_TRUE(std::isnan(half_to_float(float_to_half(value))));
    } else {
      ASSERT_EQ(float_to_half(value), half);
    }
  }
}

TEST(HalfTest, RoundsToNearestEven) {
  EXPECT_EQ(float_to_half(1.0F + 0x1p-11F), float_to_half(1.0F));
  EXPECT_EQ(float_to_half(1.0F + 0x3p-11F), float_to_half(1.0F + 0x2p-10F));
  EXPECT_EQ(float_to_half(65519.0F), 0x7BFF);
  EXPECT_EQ(float_to_half(65520.0F), 0x7C00);
  EXPECT_EQ(float_to_half(-0x1p-25F), 0x8000);
  EXPECT_EQ(float_to_half(0x1.8p-25F), 0x0001);
}

TEST(AffineTest, RepackingKeepsEveryValue) {
  std::mt19937 random(3);
  for (const TensorType type : {TensorType::kQ40, TensorType::kQ41, TensorType::kQ80}) {
    constexpr std::size_t block_count = 50;
    const TypeTraits& one = traits(type);
    std::vector<std::uint8_t> blocks(block_count * one.block_bytes);
    for (std::uint8_t& byte : blocks) {
      byte = static_cast<std::uint8_t>(random());
    }
    for (std::size_t i = 0; i < block_count; ++i) {
      // A scale and minimum of ordinary size.
      blocks[i * one.block_bytes + 1] = static_cast<std::uint8_t>(0x20 + random() % 8);
      if (type == TensorType::kQ41) {
        blocks[i * one.block_bytes + 3] = static_cast<std::uint8_t>(0xA0 + random() % 8);
      }
    }
    std::vector<float> wanted(block_count * 32);
    dequantize(type, blocks, wanted);
    Packed packed(wanted.size(), repacked_bits(type));
    repack(type, blocks, packed.rows());
    const auto got = unpacked(packed.words, packed.scales, packed.biases, repacked_bits(type));
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      // Q8_0's offset of 128 costs one rounding of float32.
      ASSERT_NEAR(got[i], wanted[i], type == TensorType::kQ80 ? 1e-5 : 0.0) << i;
    }
  }
}

TEST(AffineTest, AScaleTooLargeForItsBiasIsRefused) {
  std::vector<std::uint8_t> block(34);
  const std::uint16_t scale = float_to_half(1000.0F);  // times 128 is beyond half precision
  std::memcpy(block.data(), &scale, sizeof(scale));
  Packed packed(32, 8);
  EXPECT_THROW(repack(TensorType::kQ80, block, packed.rows()), base::Error);
}

TEST(AffineTest, QuantizingStaysWithinAStep) {
  std::mt19937 random(5);
  std::normal_distribution<float> chance(0.0F, 0.05F);
  std::vector<float> values(32 * 200);
  for (float& value : values) {
    value = chance(random);
  }
  for (const int bits : {4, 8}) {
    Packed packed(values.size(), bits);
    quantize(values, bits, packed.rows());
    const auto got = unpacked(packed.words, packed.scales, packed.biases, bits);
    double sum = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
      const float step = std::abs(half_to_float(packed.scales[i / kGroupValues]));
      // Meeting one end and zero may cost the other end up to a step; the rest is rounding.
      ASSERT_NEAR(got[i], values[i], step * 1.05F) << bits << " bits, value " << i;
      sum += std::abs(got[i] - values[i]) / step;
    }
    EXPECT_LT(sum / static_cast<double>(values.size()), 0.3) << bits << " bits";
  }
}

TEST(AffineTest, ConstantAndEmptyGroupsAreMet) {
  std::vector<float> values(96, 0.0F);
  std::fill(values.begin() + 32, values.begin() + 64, 0.25F);
  std::fill(values.begin() + 64, values.end(), -0.25F);
  Packed packed(values.size(), 4);
  quantize(values, 4, packed.rows());
  const auto got = unpacked(packed.words, packed.scales, packed.biases, 4);
  for (std::size_t i = 0; i < values.size(); ++i) {
    EXPECT_NEAR(got[i], values[i], 1e-6F) << i;
  }
  values[5] = INFINITY;
  EXPECT_THROW(quantize(values, 4, packed.rows()), base::Error);
}

}  // namespace
}  // namespace hub::gguf

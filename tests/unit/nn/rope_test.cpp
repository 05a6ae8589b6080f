#include "core/nn/rope.h"

#include <array>
#include <cmath>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace hub::nn {
namespace {

std::vector<float> frequencies_of(
    int dims, float theta, const std::optional<RopeScaling>& scaling) {
  RotaryEmbedding rotation = rotary_embedding(dims, theta, scaling);
  rotation.inv_freq.eval();
  const auto* values = rotation.inv_freq.data<float>();
  return {values, values + rotation.inv_freq.size()};
}

TEST(Rope, FrequenciesFallGeometrically) {
  const auto frequencies = frequencies_of(8, 10000.0F, std::nullopt);
  ASSERT_EQ(frequencies.size(), 4U);
  EXPECT_FLOAT_EQ(frequencies[0], 1.0F);
  EXPECT_FLOAT_EQ(frequencies[1], 0.1F);
  EXPECT_FLOAT_EQ(frequencies[3], 0.001F);
}

TEST(Rope, LinearScalingDividesThemAll) {
  RopeScaling scaling;
  scaling.factor = 4.0F;
  const auto plain = frequencies_of(16, 500.0F, std::nullopt);
  const auto scaled = frequencies_of(16, 500.0F, scaling);
  for (std::size_t i = 0; i < plain.size(); ++i) {
    EXPECT_FLOAT_EQ(scaled[i], plain[i] / 4.0F);
  }
}

// 1 / Llama3RoPE(64, 131072, False, 500000, …)._freqs of mlx_lm 0.32.2 with Llama 3.2's settings.
TEST(Rope, Llama3ScalingIsMlxLms) {
  RopeScaling scaling;
  scaling.kind = RopeScaling::Kind::kLlama3;
  scaling.factor = 32.0F;
  scaling.high_freq_factor = 4.0F;
  scaling.trained_context = 8192;
  const auto frequencies = frequencies_of(64, 500000.0F, scaling);
  const std::array<std::pair<std::size_t, float>, 10> frequencies_of_mlx_lm{{
      {0, 1.0F},
      {1, 0.663601279258728F},
      {10, 0.016560440883040428F},
      {14, 0.0032114461064338684F},
      {15, 0.0012905477778986096F},
      {16, 0.00042955667595379055F},
      {17, 9.708286233944818e-05F},
      {18, 1.9461638657958247e-05F},
      {20, 8.570255886297673e-06F},
      {31, 9.418306490260875e-08F},
  }};
  for (const auto& [i, expected] : frequencies_of_mlx_lm) {
    EXPECT_NEAR(frequencies[i] / expected, 1.0F, 1e-6F) << i;
  }
}

// mlx_lm/models/rope_utils.py › ProportionalRoPE: periods of a whole head, of the first pairs only.
TEST(Rope, ProportionalScalingTurnsTheFirstPairs) {
  RopeScaling scaling;
  scaling.kind = RopeScaling::Kind::kProportional;
  scaling.factor = 2.0F;
  scaling.rotated_part = 0.25F;
  const auto whole = frequencies_of(16, 1e6F, std::nullopt);
  const auto frequencies = frequencies_of(16, 1e6F, scaling);
  ASSERT_EQ(frequencies.size(), 8U);
  EXPECT_FLOAT_EQ(frequencies[0], whole[0] / 2.0F);
  EXPECT_FLOAT_EQ(frequencies[1], whole[1] / 2.0F);
  for (std::size_t i = 2; i < 8; ++i) {
    EXPECT_EQ(frequencies[i], 0.0F);
  }
  EXPECT_EQ(rope_scale(scaling), 1.0F);
}

TEST(Rope, LongropeDividesEachPairByItsFactor) {
  RopeScaling scaling;
  scaling.kind = RopeScaling::Kind::kLongrope;
  scaling.factor = 32.0F;
  scaling.trained_context = 4096;
  scaling.pair_factors = {1.0F, 2.0F, 4.0F, 8.0F};
  const auto plain = frequencies_of(8, 10000.0F, std::nullopt);
  const auto scaled = frequencies_of(8, 10000.0F, scaling);
  for (std::size_t i = 0; i < plain.size(); ++i) {
    EXPECT_FLOAT_EQ(scaled[i], plain[i] / scaling.pair_factors[i]);
  }
  EXPECT_FLOAT_EQ(rope_scale(scaling), std::sqrt(1.0F + 5.0F / 12.0F));
  scaling.factor = 1.0F;
  EXPECT_FLOAT_EQ(rope_scale(scaling), 1.0F);
}

// gpt-oss' settings: fast pairs stay, slow ones are stretched, and the scores grow.
TEST(Rope, YarnStretchesSlowPairs) {
  RopeScaling scaling;
  scaling.kind = RopeScaling::Kind::kYarn;
  scaling.factor = 32.0F;
  scaling.trained_context = 4096;
  const auto plain = frequencies_of(64, 150000.0F, std::nullopt);
  const auto scaled = frequencies_of(64, 150000.0F, scaling);
  EXPECT_FLOAT_EQ(scaled[0], plain[0]);
  EXPECT_FLOAT_EQ(scaled[31], plain[31] / 32.0F);
  EXPECT_LT(scaled[13], plain[13]);
  EXPECT_GT(scaled[13], plain[13] / 32.0F);
  EXPECT_FLOAT_EQ(rope_scale(scaling), 0.1F * std::log(32.0F) + 1.0F);
  EXPECT_FLOAT_EQ(rope_scale(std::nullopt), 1.0F);
}

}  // namespace
}  // namespace hub::nn

#include "core/model_config/kv_bits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/error.h"
#include "core/model_config/memory_estimate.h"

namespace hub::model_config {
namespace {

ModelConfig with_heads_of(int head_dim) {
  ModelConfig config;
  config.num_hidden_layers = 3;
  config.num_attention_heads = 4;
  config.num_key_value_heads = 2;
  config.head_dim = head_dim;
  return config;
}

std::string refusal(const ModelConfig& config, int bits) {
  try {
    check_kv_bits(config, bits);
  } catch (const base::Error& error) {
    EXPECT_EQ(error.param(), "kv_bits");
    return error.what();
  }
  return "";
}

TEST(KvBits, FourAndEightAreThere) {
  for (const int bits : {0, 4, 8}) {
    EXPECT_EQ(refusal(with_heads_of(64), bits), "") << bits;
    EXPECT_EQ(refusal(with_heads_of(96), bits), "") << bits;
  }
  for (const int bits : {-1, 2, 6, 16}) {
    EXPECT_THAT(refusal(with_heads_of(64), bits), testing::HasSubstr("0, 4 or 8 was wanted"));
  }
}

TEST(KvBits, HeadsThatHaveNoGroupsAreRefused) {
  EXPECT_EQ(refusal(with_heads_of(80), 0), "");
  EXPECT_THAT(refusal(with_heads_of(80), 8), testing::HasSubstr("heads have 80 elements"));
  EXPECT_THAT(refusal(with_heads_of(16), 4), testing::HasSubstr("a multiple of 32"));
}

TEST(KvBits, BytesAreThoseOfFieldsAndFactors) {
  EXPECT_EQ(kv_group_size(128), 64);
  EXPECT_EQ(kv_group_size(96), 32);
  EXPECT_EQ(quantized_row_bytes(64, 8), 64U + 8);
  EXPECT_EQ(quantized_row_bytes(64, 4), 32U + 8);
  EXPECT_EQ(quantized_row_bytes(96, 4), 48U + 24);
  const ModelConfig config = with_heads_of(64);
  EXPECT_EQ(kv_bytes_per_token(config, 4, 8), 3U * 2 * 2 * 72);
  EXPECT_EQ(kv_bytes_per_token(config, 2, 4), 3U * 2 * 2 * 40);
  EXPECT_EQ(
      serving_bytes(config, 0, 100, 8) - serving_bytes(config, 0, 0),
      100 * kv_bytes_per_token(config, 4, 8));
}

}  // namespace
}  // namespace hub::model_config

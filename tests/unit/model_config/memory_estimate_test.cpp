#include "core/model_config/memory_estimate.h"

#include <gtest/gtest.h>

namespace hub::model_config {
namespace {

// SmolLM2-135M; tests/unit/models/memory_test.cpp compares with measured peaks.
ModelConfig small() {
  ModelConfig config;
  config.hidden_size = 576;
  config.intermediate_size = 1536;
  config.num_hidden_layers = 30;
  config.num_attention_heads = 9;
  config.num_key_value_heads = 3;
  config.head_dim = 64;
  config.vocab_size = 49152;
  return config;
}

constexpr std::uint64_t kWeights = 98'000'000;

std::uint64_t bytes(const FinetuneParams& params, int batch = 1, int length = 128) {
  return finetune_bytes(small(), kWeights, params, batch, length);
}

TEST(MemoryEstimate, KeysAndValuesOfAToken) {
  EXPECT_EQ(kv_bytes_per_token(small()), 2U * 30 * 3 * 64 * 4);
  EXPECT_EQ(kv_bytes_per_token(small(), 2), 2U * 30 * 3 * 64 * 2);
}

TEST(MemoryEstimate, ServingGrowsByTheCache) {
  const auto none = serving_bytes(small(), kWeights, 0);
  EXPECT_GT(none, kWeights);
  EXPECT_EQ(serving_bytes(small(), kWeights, 1000) - none, 1000 * kv_bytes_per_token(small()));
  EXPECT_EQ(serving_bytes(small(), kWeights + 5, 0), none + 5);
}

TEST(MemoryEstimate, TokensCountAlikeInBatchAndLength) {
  const FinetuneParams params;
  EXPECT_EQ(bytes(params, 4, 128), bytes(params, 1, 512));
  EXPECT_EQ(
      bytes(params, 1, 512) - bytes(params, 1, 256), 2 * (bytes(params, 1, 256) - bytes(params)));
}

TEST(MemoryEstimate, FewerLayersAndTargetsNeedLess) {
  const FinetuneParams all;
  FinetuneParams some;
  some.num_layers = 4;
  EXPECT_LT(bytes(some), bytes(all));
  some = all;
  some.target_modules = {"q_proj", "self_attn.v_proj"};
  EXPECT_LT(bytes(some), bytes(all));
  FinetuneParams named = all;
  named.target_modules = {"self_attn.q_proj", "v_proj"};
  EXPECT_EQ(bytes(some), bytes(named));
  some = all;
  some.grad_checkpoint = true;
  EXPECT_LT(bytes(some), bytes(all));
}

TEST(MemoryEstimate, RankDropoutAndAccumulationNeedMore) {
  const FinetuneParams all;
  FinetuneParams more;
  more.rank = 64;
  EXPECT_GT(bytes(more), bytes(all));
  more = all;
  more.dropout = 0.1;
  EXPECT_GT(bytes(more), bytes(all));
  more = all;
  more.grad_accumulation_steps = 2;
  EXPECT_GT(bytes(more), bytes(all));
}

// A huge adapter over few tokens: the update is the peak, whatever the tokens.
TEST(MemoryEstimate, TheUpdateCanBeThePeak) {
  FinetuneParams params;
  params.rank = 512;
  EXPECT_EQ(bytes(params, 1, 8), bytes(params, 1, 16));
}

}  // namespace
}  // namespace hub::model_config

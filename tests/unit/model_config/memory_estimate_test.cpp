#include "core/model_config/memory_estimate.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

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

TEST(MemoryEstimate, PartsAddUpToThePeak) {
  FinetuneParams params;
  params.grad_accumulation_steps = 2;
  const BatchTokens batch{.tokens = 512, .trained = 500};
  const FinetuneMemory memory = finetune_memory(small(), kWeights, params, batch);
  EXPECT_EQ(memory.weights, kWeights);
  EXPECT_EQ(memory.trained, 4 * trained_parameters(small(), params));
  EXPECT_EQ(memory.optimizer, 2 * memory.trained);
  EXPECT_EQ(memory.gradients, memory.trained);
  EXPECT_EQ(memory.accumulated, memory.trained);
  EXPECT_EQ(memory.ahead, 0U) << "a CPU's evaluation does not run ahead";
  EXPECT_GT(memory.activations, memory.working);
  EXPECT_EQ(memory.total(), kWeights + 4 * memory.trained + memory.activations + memory.working);
  EXPECT_EQ(memory.total(), finetune_bytes(small(), kWeights, params, batch));
  const base::Json json = memory.to_json();
  EXPECT_EQ(json.at("array_bytes"), memory.total());
  EXPECT_EQ(json.at("process_bytes"), worker_bytes(memory.total()));
  EXPECT_EQ(json.at("activations"), memory.activations);
  params.grad_accumulation_steps = 1;
  EXPECT_EQ(finetune_memory(small(), kWeights, params, batch).accumulated, 0U);
}

// A huge adapter over few tokens: the update is the peak, whatever the tokens.
TEST(MemoryEstimate, TheUpdateCanBeThePeak) {
  FinetuneParams params;
  params.rank = 512;
  EXPECT_EQ(bytes(params, 1, 8), bytes(params, 1, 16));
}

struct Measured {
  ModelConfig config;
  std::uint64_t weights = 0;
  int num_layers = 0;
  bool grad_checkpoint = false;
  double peak = 0.0;
};

ModelConfig llama(int layers, int hidden, int inner, int heads, int vocabulary) {
  ModelConfig config;
  config.hidden_size = hidden;
  config.intermediate_size = inner;
  config.num_hidden_layers = layers;
  config.num_attention_heads = heads;
  config.num_key_value_heads = 8;
  config.head_dim = 128;
  config.vocab_size = vocabulary;
  return config;
}

// Peaks of the worker on an H200 with 4 x 512 tokens and rank 8.
TEST(MemoryEstimate, OnAGpuIsWithin15PercentOfMeasuredPeaks) {
  const ModelConfig eight = llama(32, 4096, 14336, 32, 128256);
  const ModelConfig thirty_two = llama(64, 5120, 27648, 40, 152064);
  for (const Measured& run :
       {Measured{eight, 4'517'404'672, 16, false, 15.538e9},
        Measured{thirty_two, 18'430'371'840, 16, false, 33.235e9},
        Measured{thirty_two, 18'430'371'840, -1, true, 27.577e9}}) {
    FinetuneParams params;
    params.num_layers = run.num_layers;
    params.grad_checkpoint = run.grad_checkpoint;
    const auto estimate = static_cast<double>(finetune_bytes(
        run.config, run.weights, params, {.tokens = 2048, .trained = 1928}, Activations::kHalf));
    EXPECT_NEAR(estimate / run.peak, 1.0, 0.15) << run.peak;
    EXPECT_LT(estimate, 36e9);
  }
}

TEST(MemoryEstimate, TheLossHoldsAChunkOfTheLogits) {
  const FinetuneParams params;
  const int rows = loss_chunk_rows(small().vocab_size, Activations::kFloat32);
  EXPECT_EQ(rows % 64, 0);
  EXPECT_LE(std::uint64_t{4} * 49152 * static_cast<std::uint64_t>(rows), 1ULL << 28U);
  EXPECT_EQ(loss_chunk_rows(1 << 30, Activations::kFloat32), 64);
  const auto trained = [&](int count) {
    return finetune_bytes(
        small(), kWeights, params, {.tokens = 16, .trained = static_cast<std::uint64_t>(count)});
  };
  EXPECT_LT(trained(rows / 2), trained(rows));
  EXPECT_EQ(trained(rows), trained(2 * rows));
}

TEST(MemoryEstimate, ATrainedHeadNeedsAllLogitsAtOnce) {
  const std::uint64_t rows =
      2 * static_cast<std::uint64_t>(loss_chunk_rows(small().vocab_size, Activations::kFloat32));
  const auto more_logits = [&](const FinetuneParams& params, const ModelConfig& config) {
    const auto trained = [&](std::uint64_t count) {
      return finetune_bytes(config, kWeights, params, {.tokens = 16, .trained = count});
    };
    return trained(rows) > trained(rows / 2);
  };
  FinetuneParams params;
  EXPECT_FALSE(more_logits(params, small()));
  params.target_modules = {"q_proj", "model.embed_tokens"};
  EXPECT_TRUE(more_logits(params, small()));
  ModelConfig untied = small();
  untied.tie_word_embeddings = false;
  EXPECT_FALSE(more_logits(params, untied));
  params.target_modules = {"lm_head"};
  EXPECT_TRUE(more_logits(params, untied));
}

}  // namespace
}  // namespace hub::model_config

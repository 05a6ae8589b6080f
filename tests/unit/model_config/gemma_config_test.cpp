#include "core/model_config/gemma_config.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"

namespace hub::model_config {
namespace {

using base::Json;
using ::testing::HasSubstr;

Json gemma4() {
  return Json::parse(R"({
    "model_type": "gemma4_text", "hidden_size": 64, "intermediate_size": 128,
    "num_hidden_layers": 10, "num_attention_heads": 4, "vocab_size": 100,
    "num_kv_shared_layers": 3, "vocab_size_per_layer_input": 100})");
}

std::string refusal(const Json& json) {
  try {
    ModelConfig::from_json(json);
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::ErrorCode::kUnprocessable);
    return error.what();
  }
  return "accepted";
}

// The defaults of mlx_lm/models/gemma4_text.py › ModelArgs.
TEST(Gemma4Config, WhatIsAbsentIsAsInMlxLm) {
  const ModelConfig config = ModelConfig::from_json(gemma4());
  EXPECT_EQ(config.num_key_value_heads, 1);
  EXPECT_EQ(config.window_of(0), 512);
  EXPECT_EQ(config.window_of(4), 0);
  EXPECT_EQ(config.head_dim_of(0), 256);
  EXPECT_EQ(config.head_dim_of(4), 512);
  EXPECT_FLOAT_EQ(config.rope_theta, 1e6F);
  EXPECT_FLOAT_EQ(*config.rope_local_theta, 1e4F);
  EXPECT_EQ(config.rope_scaling->type, "proportional");
  EXPECT_FLOAT_EQ(config.rope_scaling->rotated_part, 0.25F);
  EXPECT_FLOAT_EQ(*config.attention_scale, 1.0F);
  EXPECT_FLOAT_EQ(config.embedding_scale, 8.0F);
  EXPECT_FLOAT_EQ(config.gemma4->logit_cap, 30.0F);
  EXPECT_EQ(config.gemma4->layer_input_size, 256);
  EXPECT_FALSE(config.experts);
}

TEST(Gemma4Config, TheLastLayersShareTheKeysOfTheirType) {
  Json json = gemma4();
  const ModelConfig config = ModelConfig::from_json(json);  // every fifth layer sees everything
  EXPECT_EQ(config.key_value_layer_of(6), 6);
  EXPECT_EQ(config.key_value_layer_of(7), 6);
  EXPECT_EQ(config.key_value_layer_of(9), 4);
  EXPECT_EQ(config.intermediate_size_of(6), 128);
  EXPECT_EQ(config.intermediate_size_of(7), 256);
  json["use_double_wide_mlp"] = false;
  EXPECT_EQ(ModelConfig::from_json(json).intermediate_size_of(7), 128);
  json["num_kv_shared_layers"] = 6;
  EXPECT_THAT(refusal(json), HasSubstr("layer 4 shares keys and values with no earlier layer"));
  json["num_kv_shared_layers"] = 10;
  EXPECT_THAT(refusal(json), HasSubstr("'num_kv_shared_layers' is 10 of 10 layers"));
}

TEST(Gemma4Config, NullIsNotAbsent) {
  Json json = gemma4();
  json["final_logit_softcapping"] = nullptr;
  json["hidden_size_per_layer_input"] = nullptr;
  json["vocab_size_per_layer_input"] = 10;
  const ModelConfig config = ModelConfig::from_json(json);
  EXPECT_FLOAT_EQ(config.gemma4->logit_cap, 0.0F);
  EXPECT_EQ(config.gemma4->layer_input_size, 0);
  json.erase("hidden_size_per_layer_input");
  EXPECT_THAT(refusal(json), HasSubstr("'vocab_size_per_layer_input' 10 is below 'vocab_size'"));
}

TEST(Gemma4Config, LayersThatSeeEverythingMayUseKeysAsValues) {
  Json json = gemma4();
  json["num_key_value_heads"] = 4;
  json["num_global_key_value_heads"] = 2;
  EXPECT_EQ(ModelConfig::from_json(json).key_value_heads_of(4), 4) << "only with attention_k_eq_v";
  json["attention_k_eq_v"] = true;
  EXPECT_EQ(ModelConfig::from_json(json).key_value_heads_of(4), 2);
  EXPECT_EQ(ModelConfig::from_json(json).key_value_heads_of(0), 4);
  json["num_global_key_value_heads"] = 3;
  EXPECT_THAT(refusal(json), HasSubstr("a multiple of 'num_global_key_value_heads' 3"));
}

TEST(Gemma4Config, RopesOfBothTypes) {
  Json json = gemma4();
  json["rope_parameters"] = {
      {"full_attention",
       {{"rope_type", "proportional"}, {"rope_theta", 5e5}, {"partial_rotary_factor", 0.5}}},
      {"sliding_attention", {{"rope_type", "default"}, {"rope_theta", 2e4}}}};
  ModelConfig config = ModelConfig::from_json(json);
  EXPECT_FLOAT_EQ(config.rope_theta, 5e5F);
  EXPECT_FLOAT_EQ(*config.rope_local_theta, 2e4F);
  EXPECT_FLOAT_EQ(config.rope_scaling->rotated_part, 0.5F);
  json["rope_parameters"]["full_attention"]["rope_type"] = "default";
  EXPECT_FALSE(ModelConfig::from_json(json).rope_scaling);
  json["rope_parameters"]["sliding_attention"]["rope_type"] = "linear";
  EXPECT_THAT(refusal(json), HasSubstr("got linear and default"));
}

TEST(Gemma4Config, Experts) {
  Json json = gemma4();
  json["enable_moe_block"] = true;
  EXPECT_THAT(refusal(json), HasSubstr("'num_experts' is required"));
  json["num_experts"] = 4;
  json["top_k_experts"] = 5;
  json["moe_intermediate_size"] = 32;
  EXPECT_THAT(refusal(json), HasSubstr("'top_k_experts' is 5, but there are 4 experts"));
  json["top_k_experts"] = 2;
  EXPECT_EQ(ModelConfig::from_json(json).experts->per_token, 2);
}

}  // namespace
}  // namespace hub::model_config

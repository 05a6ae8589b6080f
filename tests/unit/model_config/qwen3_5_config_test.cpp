#include "core/model_config/qwen3_5_config.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"

namespace hub::model_config {
namespace {

using base::Json;
using ::testing::HasSubstr;

Json small() {
  return Json::parse(R"({
    "model_type": "qwen3_5_text", "hidden_size": 64, "intermediate_size": 128,
    "num_hidden_layers": 8, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16,
    "vocab_size": 100})");
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

// The defaults of mlx_lm/models/qwen3_5.py › TextModelArgs.
TEST(Qwen35Config, WhatIsAbsentIsAsInMlxLm) {
  const ModelConfig config = ModelConfig::from_json(small());
  EXPECT_TRUE(config.is_recurrent(0));
  EXPECT_FALSE(config.is_recurrent(3));
  EXPECT_EQ(config.linear_attention->value_heads, 64);
  EXPECT_EQ(config.linear_attention->key_heads, 16);
  EXPECT_EQ(config.linear_attention->channels(), 2 * 16 * 192 + 64 * 128);
  EXPECT_EQ(config.rotary_dim, 4);
  EXPECT_FLOAT_EQ(config.rope_theta, 100000.0F);
  EXPECT_FALSE(config.tie_word_embeddings);
}

TEST(Qwen35Config, RopeParametersSayWhichPartTurns) {
  Json json = small();
  json["rope_parameters"] = {
      {"rope_type", "default"}, {"rope_theta", 1e7}, {"partial_rotary_factor", 0.5}};
  EXPECT_EQ(ModelConfig::from_json(json).rotary_dim, 8);
  EXPECT_FLOAT_EQ(ModelConfig::from_json(json).rope_theta, 1e7F);
  json.erase("rope_parameters");
  json["head_dim"] = 12;
  EXPECT_THAT(refusal(json), HasSubstr("a quarter of 'head_dim' 12 must be an even number"));
}

TEST(Qwen35Config, LayerTypesMustAgreeWithTheInterval) {
  Json json = small();
  json["layer_types"] = Json::array();
  for (int layer = 0; layer < 8; ++layer) {
    json["layer_types"].push_back(layer % 4 == 3 ? "full_attention" : "linear_attention");
  }
  EXPECT_EQ(refusal(json), "accepted");
  json["layer_types"][0] = "full_attention";
  EXPECT_THAT(refusal(json), HasSubstr("'layer_types' must be full_attention in every 4th"));
  json.erase("layer_types");
  json["full_attention_interval"] = 9;
  EXPECT_THAT(refusal(json), HasSubstr("none of the 8 layers has attention"));
}

TEST(Qwen35Config, RefusesWhatIsNotComputed) {
  Json json = small();
  json["linear_num_key_heads"] = 3;
  EXPECT_THAT(refusal(json), HasSubstr("no multiple of 'linear_num_key_heads' 3"));
  json = small();
  json["num_experts"] = 8;
  EXPECT_THAT(refusal(json), HasSubstr("'num_experts' must be 0 or absent"));
}

}  // namespace
}  // namespace hub::model_config

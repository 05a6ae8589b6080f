#include "core/model_config/model_config.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "tests/support/temp_dir.h"

namespace hub::model_config {
namespace {

using base::Json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

Json small() {
  return Json::parse(R"({
    "model_type": "llama", "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 100,
    "max_position_embeddings": 256, "rms_norm_eps": 1e-6, "rope_theta": 5000})");
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

TEST(ModelConfig, ReadsWhatIsThereAndFillsInDefaults) {
  const ModelConfig config = ModelConfig::from_json(small());
  EXPECT_EQ(config.hidden_size, 64);
  EXPECT_EQ(config.head_dim, 16);
  EXPECT_EQ(config.num_key_value_heads, 2);
  EXPECT_FLOAT_EQ(config.rms_norm_eps, 1e-6F);
  EXPECT_FLOAT_EQ(config.rope_theta, 5000.0F);
  EXPECT_TRUE(config.tie_word_embeddings);
  EXPECT_FALSE(config.attention_bias);
  EXPECT_FALSE(config.rope_scaling);
  EXPECT_FALSE(config.quantization_of("model.layers.0.mlp.up_proj"));
  EXPECT_EQ(config.max_position_embeddings, 256);
}

TEST(ModelConfig, HeadsOfKeysDefaultToHeadsOfQueries) {
  Json json = small();
  json.erase("num_key_value_heads");
  EXPECT_EQ(ModelConfig::from_json(json).num_key_value_heads, 4);
}

TEST(ModelConfig, NamesEveryProblemAtOnce) {
  Json json = small();
  json.erase("vocab_size");
  json["hidden_size"] = "wide";
  json["rms_norm_eps"] = -1;
  json["hidden_act"] = "gelu";
  const std::string text = refusal(json);
  EXPECT_THAT(text, HasSubstr("'vocab_size' is required"));
  EXPECT_THAT(text, HasSubstr("'hidden_size'"));
  EXPECT_THAT(text, HasSubstr("'rms_norm_eps'"));
  EXPECT_THAT(text, HasSubstr("gelu"));
}

TEST(ModelConfig, ContradictionsAreRefused) {
  Json json = small();
  json["num_key_value_heads"] = 3;
  EXPECT_THAT(refusal(json), HasSubstr("no multiple of 'num_key_value_heads' 3"));
  json = small();
  json["num_attention_heads"] = 5;
  EXPECT_THAT(refusal(json), HasSubstr("no multiple of 'num_attention_heads' 5"));
  json = small();
  json["head_dim"] = 15;
  EXPECT_THAT(refusal(json), HasSubstr("must be even"));
  json = small();
  json["layer_types"] = {"full_attention", "sliding_attention"};
  EXPECT_THAT(refusal(json), HasSubstr("sliding_attention"));
}

TEST(ModelConfig, UnknownArchitectureIsRefusedWithTheKnownOnes) {
  Json json = small();
  json["model_type"] = "qwen99";
  const std::string text = refusal(json);
  EXPECT_THAT(text, HasSubstr("qwen99"));
  for (const auto known : known_model_types()) {
    EXPECT_THAT(text, HasSubstr(std::string(known)));
  }
  json.erase("model_type");
  EXPECT_THAT(refusal(json), HasSubstr("'model_type' is required"));
  EXPECT_THAT(refusal(Json::array()), HasSubstr("must be a JSON object"));
}

TEST(ModelConfig, RopeScalingInBothSpellings) {
  Json json = small();
  json["rope_scaling"] = {
      {"rope_type", "llama3"},
      {"factor", 8.0},
      {"low_freq_factor", 1.0},
      {"high_freq_factor", 4.0},
      {"original_max_position_embeddings", 128}};
  const auto scaling = ModelConfig::from_json(json).rope_scaling;
  ASSERT_TRUE(scaling);
  EXPECT_EQ(scaling->type, "llama3");
  EXPECT_FLOAT_EQ(scaling->factor, 8.0F);
  EXPECT_EQ(scaling->original_max_position_embeddings, 128);

  json = small();
  json.erase("rope_theta");
  json["rope_parameters"] = {{"rope_type", "linear"}, {"factor", 2.0}, {"rope_theta", 77.0}};
  const ModelConfig linear = ModelConfig::from_json(json);
  EXPECT_EQ(linear.rope_scaling->type, "linear");
  EXPECT_FLOAT_EQ(linear.rope_theta, 77.0F);

  json = small();
  json["rope_scaling"] = {{"type", "default"}};
  EXPECT_FALSE(ModelConfig::from_json(json).rope_scaling);
  json["rope_scaling"] = {{"type", "yarn"}, {"factor", 2.0}};
  EXPECT_THAT(refusal(json), HasSubstr("yarn"));
  json["rope_scaling"] = {{"type", "linear"}};
  EXPECT_THAT(refusal(json), HasSubstr("'rope_scaling.factor' is required"));
  json["rope_scaling"] = {{"type", "llama3"}, {"factor", 8.0}, {"high_freq_factor", 1.0}};
  EXPECT_THAT(refusal(json), HasSubstr("high_freq_factor"));
}

TEST(ModelConfig, AWindowShortensTheContext) {
  Json json = small();
  json["sliding_window"] = 64;
  EXPECT_EQ(ModelConfig::from_json(json).max_position_embeddings, 64);
  json["use_sliding_window"] = false;
  EXPECT_EQ(ModelConfig::from_json(json).max_position_embeddings, 256);
  json["sliding_window"] = nullptr;
  json["use_sliding_window"] = true;
  EXPECT_EQ(ModelConfig::from_json(json).max_position_embeddings, 256);
}

TEST(ModelConfig, QuantizationByModule) {
  Json json = small();
  json["quantization"] = {
      {"group_size", 32},
      {"bits", 4},
      {"model.embed_tokens", {{"group_size", 32}, {"bits", 8}}},
      {"lm_head", false},
      {"model.layers.0.mlp.up_proj", true}};
  const ModelConfig config = ModelConfig::from_json(json);
  EXPECT_EQ(config.quantization_of("model.embed_tokens")->bits, 8);
  EXPECT_EQ(config.quantization_of("model.layers.0.mlp.up_proj")->bits, 4);
  EXPECT_FALSE(config.quantization_of("lm_head"));

  json["quantization"] = {{"group_size", 48}, {"bits", 4}};
  EXPECT_THAT(refusal(json), HasSubstr("group_size 48"));
  json["quantization"] = {{"group_size", 32}, {"bits", 4}, {"mode", "mxfp4"}};
  EXPECT_THAT(refusal(json), HasSubstr("mxfp4"));
  json["quantization"] = {{"bits", 4}};
  EXPECT_THAT(refusal(json), HasSubstr("'quantization.group_size' is required"));
  json.erase("quantization");
  json["quantization_config"] = {{"quant_method", "awq"}, {"bits", 4}};
  EXPECT_THAT(refusal(json), HasSubstr("awq"));
}

TEST(ModelConfig, EndOfTextComesAsOneIdOrMany) {
  Json json = small();
  json["eos_token_id"] = 2;
  EXPECT_THAT(ModelConfig::from_json(json).eos_token_ids, ElementsAre(2));
  json["eos_token_id"] = {2, 7};
  EXPECT_THAT(ModelConfig::from_json(json).eos_token_ids, ElementsAre(2, 7));
  json["eos_token_id"] = {2, 100};
  EXPECT_THAT(refusal(json), HasSubstr("0 to 99, got 100"));
}

TEST(ModelConfig, GenerationConfigReplacesEndOfText) {
  const test::TempDir folder;
  Json json = small();
  json["eos_token_id"] = 2;
  static_cast<void>(folder.write("config.json", json.dump()));
  EXPECT_THAT(ModelConfig::load(folder.path()).eos_token_ids, ElementsAre(2));
  static_cast<void>(folder.write("generation_config.json", R"({"eos_token_id": [5, 6]})"));
  EXPECT_THAT(ModelConfig::load(folder.path()).eos_token_ids, ElementsAre(5, 6));
}

TEST(ModelConfig, ABrokenFileIsNamed) {
  const test::TempDir folder;
  const auto load = [&] {
    try {
      ModelConfig::load(folder.path());
    } catch (const base::Error& error) {
      EXPECT_EQ(error.code(), base::ErrorCode::kUnprocessable);
      return std::string(error.what());
    }
    return std::string("accepted");
  };
  EXPECT_THAT(load(), HasSubstr("config.json"));
  static_cast<void>(folder.write("config.json", "{\"model_type\": "));
  EXPECT_THAT(load(), HasSubstr("not valid JSON"));
}

}  // namespace
}  // namespace hub::model_config

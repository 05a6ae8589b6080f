#include "core/model_config/text_part.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"

namespace hub::model_config {
namespace {

using base::Json;

// As published: the 4B leaves half of its text's shape to transformers' defaults.
Json gemma3() {
  return Json::parse(R"({
    "model_type": "gemma3", "eos_token_id": [1, 106], "vision_config": {"hidden_size": 1152},
    "text_config": {"model_type": "gemma3_text", "hidden_size": 2560, "intermediate_size": 10240,
                    "num_hidden_layers": 34, "sliding_window": 1024,
                    "rope_scaling": {"factor": 8.0, "rope_type": "linear"}},
    "quantization": {"group_size": 64, "bits": 4,
                     "language_model.model.embed_tokens": {"group_size": 64, "bits": 8}}})");
}

TEST(TextPart, TakesWhatLiesOutsideAndTheDefaultsOfTheWhole) {
  const ModelConfig config = ModelConfig::from_json(gemma3());
  EXPECT_EQ(config.model_type, "gemma3_text");
  EXPECT_EQ(config.prefix, "language_model.");
  EXPECT_EQ(config.vocab_size, 262208);
  EXPECT_EQ(config.num_attention_heads, 8);
  EXPECT_EQ(config.num_key_value_heads, 4);
  EXPECT_EQ(config.head_dim, 256);
  EXPECT_EQ(config.sliding_window, 1024);
  EXPECT_THAT(config.eos_token_ids, testing::ElementsAre(1, 106));
  EXPECT_EQ(config.quantization_of(config.path("model.embed_tokens"))->bits, 8);
  EXPECT_EQ(config.quantization_of(config.layer_path(0) + ".mlp.up_proj")->bits, 4);
}

TEST(TextPart, QwenMayStandWithoutAnObjectOfItsOwn) {
  Json json = Json::parse(R"({
    "model_type": "qwen3_5", "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 4,
    "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16, "vocab_size": 100,
    "linear_num_value_heads": 4, "linear_num_key_heads": 2, "linear_key_head_dim": 16,
    "linear_value_head_dim": 16})");
  EXPECT_EQ(ModelConfig::from_json(json).prefix, "language_model.");
  json["model_type"] = "qwen3_5_text";
  EXPECT_EQ(ModelConfig::from_json(json).prefix, "");
}

TEST(TextPart, ATextConfigMustBeAnObject) {
  Json json = gemma3();
  json["text_config"] = 3;
  EXPECT_THROW(ModelConfig::from_json(json), base::Error);
}

TEST(TextPart, LayersAreFoundByName) {
  const ModelConfig config = ModelConfig::from_json(gemma3());
  EXPECT_EQ(config.layer_of("language_model.model.layers.12.mlp.up_proj.weight"), 12);
  EXPECT_EQ(config.layer_of("model.layers.12.mlp.up_proj.weight"), std::nullopt);
  EXPECT_EQ(config.layer_of("language_model.model.norm.weight"), std::nullopt);
}

TEST(TextPart, TensorsOfOtherPartsHaveNoName) {
  EXPECT_EQ(text_tensor_name("language_model.lm_head.weight"), "language_model.lm_head.weight");
  EXPECT_EQ(text_tensor_name("lm_head.weight"), "language_model.lm_head.weight");
  EXPECT_EQ(
      text_tensor_name("model.language_model.layers.0.mlp.up_proj.weight"),
      "language_model.model.layers.0.mlp.up_proj.weight");
  EXPECT_EQ(text_tensor_name("model.visual.patch_embed.proj.weight"), std::nullopt);
  EXPECT_EQ(text_tensor_name("vision_tower.vision_model.post_layernorm.bias"), std::nullopt);
  EXPECT_EQ(text_tensor_name("model.audio_tower.conv.weight"), std::nullopt);
}

}  // namespace
}  // namespace hub::model_config

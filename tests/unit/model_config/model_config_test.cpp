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
}

TEST(ModelConfig, LayersThatSlide) {
  Json json = small();
  json["layer_types"] = {"full_attention", "sliding_attention"};
  EXPECT_THAT(refusal(json), HasSubstr("needs 'sliding_window'"));
  json["sliding_window"] = 32;
  const ModelConfig config = ModelConfig::from_json(json);
  EXPECT_EQ(config.window_of(0), 0);
  EXPECT_EQ(config.window_of(1), 32);
  EXPECT_EQ(config.max_position_embeddings, 256);
  json["layer_types"] = {"full_attention"};
  EXPECT_THAT(refusal(json), HasSubstr("'layer_types' has 1 entries for 2 layers"));
  json["layer_types"] = {"full_attention", "linear_attention"};
  EXPECT_THAT(refusal(json), HasSubstr("linear_attention"));
  json["layer_types"] = {"full_attention", "full_attention"};
  EXPECT_TRUE(ModelConfig::from_json(json).layer_types.empty());
}

TEST(ModelConfig, AWindowOfEveryLayer) {
  for (const char* family : {"mistral", "phi3"}) {
    Json json = small();
    json["model_type"] = family;
    json["sliding_window"] = 64;
    const ModelConfig config = ModelConfig::from_json(json);
    EXPECT_EQ(config.window_of(0), 64);
    EXPECT_EQ(config.window_of(1), 64);
    EXPECT_EQ(config.max_position_embeddings, 256);
    json["sliding_window"] = 256;
    EXPECT_TRUE(ModelConfig::from_json(json).layer_types.empty()) << "as far as the context";
  }
}

TEST(ModelConfig, QwensWindowIsOptional) {
  Json json = small();
  json["model_type"] = "qwen2";
  json["sliding_window"] = 64;
  json["max_window_layers"] = 1;
  EXPECT_EQ(ModelConfig::from_json(json).window_of(1), 0);
  json["use_sliding_window"] = true;
  EXPECT_EQ(ModelConfig::from_json(json).window_of(0), 0);
  EXPECT_EQ(ModelConfig::from_json(json).window_of(1), 64);
}

TEST(ModelConfig, BiasesOfQwen2) {
  Json json = small();
  json["model_type"] = "qwen2";
  const ModelConfig config = ModelConfig::from_json(json);
  EXPECT_TRUE(config.attention_bias);
  EXPECT_FALSE(config.attention_output_bias);
  json["model_type"] = "llama";
  json["attention_bias"] = true;
  EXPECT_TRUE(ModelConfig::from_json(json).attention_output_bias);
}

TEST(ModelConfig, LayersWithoutRotaryEmbedding) {
  Json json = small();
  json["model_type"] = "smollm3";
  EXPECT_TRUE(ModelConfig::from_json(json).no_rope_layers.empty()) << "every fourth, of two";
  json["no_rope_layer_interval"] = 2;
  EXPECT_THAT(ModelConfig::from_json(json).no_rope_layers, ElementsAre(1));
  json["no_rope_layers"] = {0, 1};
  EXPECT_THAT(ModelConfig::from_json(json).no_rope_layers, ElementsAre(0));
  json["no_rope_layers"] = {0, 1, 1};
  EXPECT_THAT(refusal(json), HasSubstr("'no_rope_layers' has 3 entries for 2 layers"));
  json["no_rope_layers"] = {0, 7};
  EXPECT_THAT(refusal(json), HasSubstr("0 and 1, got 7"));
}

TEST(ModelConfig, PhisLongContext) {
  Json json = small();
  json["model_type"] = "phi3";
  json["partial_rotary_factor"] = 0.5;
  json["original_max_position_embeddings"] = 64;
  json["rope_scaling"] = {
      {"type", "su"}, {"long_factor", {1.0, 2.0, 3.0, 4.0}}, {"short_factor", {1, 1, 1, 1}}};
  const ModelConfig config = ModelConfig::from_json(json);
  EXPECT_FALSE(config.tie_word_embeddings);
  EXPECT_EQ(config.rotary_dim, 8);
  EXPECT_EQ(config.rope_scaling->type, "longrope");
  EXPECT_FLOAT_EQ(config.rope_scaling->factor, 4.0F);
  EXPECT_THAT(config.rope_scaling->long_factor, ElementsAre(1.0F, 2.0F, 3.0F, 4.0F));
  json["rope_scaling"]["long_factor"] = {1.0, 2.0};
  EXPECT_THAT(refusal(json), HasSubstr("'rope_scaling.long_factor' has 2 entries"));
  json["rope_scaling"]["long_factor"] = {1.0, 2.0, -3.0, 4.0};
  EXPECT_THAT(refusal(json), HasSubstr("above 0, got -3"));
  json["rope_scaling"].erase("long_factor");
  EXPECT_THAT(refusal(json), HasSubstr("'rope_scaling.long_factor' is required"));
  json.erase("rope_scaling");
  json["partial_rotary_factor"] = 0.45;  // 7 of 16
  EXPECT_THAT(refusal(json), HasSubstr("must be an even number"));
  json["partial_rotary_factor"] = 1.0;
  json["attention_bias"] = true;
  EXPECT_THAT(refusal(json), HasSubstr("'attention_bias' must be false"));
}

TEST(ModelConfig, Gemma3sLayersAndScales) {
  Json json = small();
  json["model_type"] = "gemma3_text";
  json["num_hidden_layers"] = 7;
  json["head_dim"] = 16;
  json["hidden_activation"] = "gelu_pytorch_tanh";
  json["query_pre_attn_scalar"] = 64;
  const ModelConfig config = ModelConfig::from_json(json);
  EXPECT_EQ(config.window_of(4), 512);
  EXPECT_EQ(config.window_of(5), 0);
  EXPECT_EQ(config.window_of(6), 512);
  EXPECT_FLOAT_EQ(*config.attention_scale, 0.125F);
  EXPECT_FLOAT_EQ(*config.rope_local_theta, 10000.0F);
  EXPECT_FLOAT_EQ(config.embedding_scale, 8.0F);
  Json newer = json;
  newer["rope_parameters"] = {
      {"full_attention", {{"rope_theta", 7.0}, {"rope_type", "linear"}, {"factor", 8.0}}},
      {"sliding_attention", {{"rope_theta", 5.0}, {"rope_type", "default"}}}};
  EXPECT_FLOAT_EQ(ModelConfig::from_json(newer).rope_theta, 7.0F);
  EXPECT_FLOAT_EQ(ModelConfig::from_json(newer).rope_scaling->factor, 8.0F);
  EXPECT_FLOAT_EQ(*ModelConfig::from_json(newer).rope_local_theta, 5.0F);
  json["hidden_size"] = 1152;
  EXPECT_FLOAT_EQ(ModelConfig::from_json(json).embedding_scale, 34.0F) << "33.94 in bfloat16";
  json["final_logit_softcapping"] = 30.0;
  json["hidden_activation"] = "silu";
  EXPECT_THAT(refusal(json), HasSubstr("final_logit_softcapping"));
  EXPECT_THAT(refusal(json), HasSubstr("'hidden_activation' must be gelu_pytorch_tanh, got silu"));
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
  json["rope_scaling"] = {{"type", "dynamic"}, {"factor", 2.0}};
  EXPECT_THAT(refusal(json), HasSubstr("dynamic"));
  json["rope_scaling"] = {
      {"rope_type", "yarn"}, {"factor", 2.0}, {"beta_fast", 16.0}, {"truncate", false}};
  EXPECT_FLOAT_EQ(ModelConfig::from_json(json).rope_scaling->beta_fast, 16.0F);
  json["rope_scaling"]["beta_slow"] = 20.0;
  EXPECT_THAT(refusal(json), HasSubstr("'rope_scaling.beta_fast' must be greater"));
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

TEST(ModelConfig, Experts) {
  Json json = small();
  json["model_type"] = "qwen3_moe";
  EXPECT_THAT(refusal(json), HasSubstr("'num_experts' is required"));
  json["num_experts"] = 8;
  json["num_experts_per_tok"] = 2;
  json["moe_intermediate_size"] = 24;
  json["norm_topk_prob"] = true;
  json["num_hidden_layers"] = 4;
  json["decoder_sparse_step"] = 2;
  json["mlp_only_layers"] = {3};
  const ModelConfig config = ModelConfig::from_json(json);
  EXPECT_EQ(config.experts->count, 8);
  EXPECT_EQ(config.experts->intermediate_size, 24);
  EXPECT_TRUE(config.experts->norm_topk_prob);
  EXPECT_FALSE(config.is_sparse(0));
  EXPECT_TRUE(config.is_sparse(1));
  EXPECT_FALSE(config.is_sparse(3));
  json["num_experts_per_tok"] = 9;
  json["mlp_only_layers"] = {4};
  EXPECT_THAT(refusal(json), HasSubstr("'num_experts_per_tok' is 9, but there are 8 experts"));
  EXPECT_THAT(refusal(json), HasSubstr("layers from 0 to 3, got 4"));
}

TEST(ModelConfig, GptOssLayersAlternate) {
  Json json = small();
  json["model_type"] = "gpt_oss";
  json["num_local_experts"] = 4;
  json["num_experts_per_tok"] = 2;
  const ModelConfig config = ModelConfig::from_json(json);
  EXPECT_EQ(config.window_of(0), 128);
  EXPECT_EQ(config.window_of(1), 0);
  EXPECT_EQ(config.experts->intermediate_size, 128);
  EXPECT_TRUE(config.attention_sinks);
  EXPECT_FALSE(config.tie_word_embeddings);
  json["swiglu_limit"] = 5.0;
  EXPECT_THAT(refusal(json), HasSubstr("'swiglu_limit' must be 7"));
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
  json["quantization"] = {{"group_size", 64}, {"bits", 4}, {"mode", "mxfp4"}};
  EXPECT_THAT(refusal(json), HasSubstr("mode mxfp4 takes group_size 32"));
  json["quantization"] = {
      {"group_size", 32},
      {"bits", 4},
      {"mode", "mxfp4"},
      {"lm_head", {{"group_size", 64}, {"bits", 8}}}};
  EXPECT_EQ(ModelConfig::from_json(json).quantization_of("lm_head")->mode, "affine");
  EXPECT_EQ(ModelConfig::from_json(json).quantization_of("other")->mode, "mxfp4");
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

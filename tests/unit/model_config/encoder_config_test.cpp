#include "core/model_config/encoder_config.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/model_config/content_digest.h"
#include "core/model_config/memory_estimate.h"
#include "core/model_config/tensor_check.h"
#include "tests/support/temp_dir.h"

namespace hub::model_config {
namespace {

using base::Json;
using testing::HasSubstr;

Json bert() {
  return Json::parse(R"({
    "model_type": "bert", "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2,
    "num_attention_heads": 2, "vocab_size": 40, "max_position_embeddings": 12,
    "layer_norm_eps": 1e-12, "type_vocab_size": 2, "pad_token_id": 0, "hidden_act": "gelu"})");
}

std::string refusal(const Json& json) {
  try {
    static_cast<void>(ModelConfig::from_json(json));
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::ErrorCode::kUnprocessable);
    return error.what();
  }
  return "(accepted)";
}

TEST(EncoderConfig, Bert) {
  const ModelConfig config = ModelConfig::from_json(bert());
  ASSERT_TRUE(config.encoder);
  EXPECT_EQ(config.encoder->positions, 12);
  EXPECT_EQ(config.encoder->first_position, 0);
  EXPECT_EQ(config.encoder->token_types, 2);
  EXPECT_FLOAT_EQ(config.encoder->layer_norm_eps, 1e-12F);
  EXPECT_FALSE(config.encoder->gelu_by_tanh);
  EXPECT_EQ(config.max_position_embeddings, 12);
  EXPECT_EQ(config.layer_path(1), "encoder.layer.1");
  EXPECT_EQ(config.layer_of("encoder.layer.1.output.dense.bias"), 1);
  EXPECT_EQ(config.layer_of("model.layers.1.x"), std::nullopt);
  EXPECT_EQ(kv_bytes_per_token(config), 0U);
  EXPECT_TRUE(is_encoder_type("bert"));
  EXPECT_FALSE(is_encoder_type("llama"));
}

TEST(EncoderConfig, RobertasPositionsBeginBehindThePadding) {
  Json json = bert();
  json["model_type"] = "xlm-roberta";
  json["pad_token_id"] = 1;
  json["hidden_act"] = "gelu_new";
  const ModelConfig config = ModelConfig::from_json(json);
  EXPECT_EQ(config.encoder->positions, 12);
  EXPECT_EQ(config.encoder->first_position, 2);
  EXPECT_EQ(config.max_position_embeddings, 10);
  EXPECT_TRUE(config.encoder->gelu_by_tanh);
  json["pad_token_id"] = 11;
  EXPECT_THAT(refusal(json), HasSubstr("leaves no position behind 'pad_token_id' 11"));
}

TEST(EncoderConfig, WhatIsNotComputedIsRefused) {
  Json json = bert();
  json["hidden_act"] = "relu";
  json["position_embedding_type"] = "relative_key";
  json["is_decoder"] = true;
  json["head_dim"] = 4;
  const std::string text = refusal(json);
  EXPECT_THAT(text, HasSubstr("'hidden_act' must be gelu or gelu_new, got relu"));
  EXPECT_THAT(text, HasSubstr("'position_embedding_type' must be absolute, got relative_key"));
  EXPECT_THAT(text, HasSubstr("'is_decoder' must be false"));
  EXPECT_THAT(text, HasSubstr("16 must be 'num_attention_heads' 2 times 'head_dim' 4"));
}

class SentenceFiles : public testing::Test {
 protected:
  SentenceFiles() { write("config.json", bert().dump()); }
  void write(const std::string& name, const std::string& text) {
    static_cast<void>(folder_.write(name, text));
  }
  ModelConfig load() const { return ModelConfig::load(folder_.path()); }
  std::string load_refusal() const {
    try {
      static_cast<void>(load());
    } catch (const base::Error& error) {
      EXPECT_EQ(error.code(), base::ErrorCode::kUnprocessable);
      return error.what();
    }
    return "(accepted)";
  }
  test::TempDir folder_;
};

TEST_F(SentenceFiles, AreOptional) {
  EXPECT_FALSE(load().pooling);
  EXPECT_EQ(load().max_position_embeddings, 12);
}

TEST_F(SentenceFiles, SayHowIsPooled) {
  write(
      "1_Pooling/config.json",
      R"({"pooling_mode_cls_token":true,"pooling_mode_mean_tokens":false})");
  EXPECT_EQ(load().pooling, Pooling::kCls);
  write("1_Pooling/config.json", R"({"pooling_mode_lasttoken":true})");
  EXPECT_EQ(load().pooling, Pooling::kLast);
  write("1_Pooling/config.json", R"({"pooling_mode":"mean"})");
  EXPECT_EQ(load().pooling, Pooling::kMean);
  write("1_Pooling/config.json", R"({"pooling_mode_max_tokens":true})");
  EXPECT_THAT(load_refusal(), HasSubstr("1_Pooling/config.json says max_tokens"));
  write(
      "1_Pooling/config.json",
      R"({"pooling_mode_mean_tokens":true,"pooling_mode_cls_token":true})");
  EXPECT_THAT(load_refusal(), HasSubstr(" and "));
  write("1_Pooling/config.json", "[]");
  EXPECT_THAT(load_refusal(), HasSubstr("holds no JSON object"));
}

TEST_F(SentenceFiles, AreReadInAVersionsFlatFolderToo) {
  write("1_Pooling_config.json", R"({"pooling_mode_cls_token":true})");
  EXPECT_EQ(load().pooling, Pooling::kCls);
}

TEST_F(SentenceFiles, SayHowLongTheTextsWere) {
  write("sentence_bert_config.json", R"({"max_seq_length":8,"do_lower_case":false})");
  EXPECT_EQ(load().max_position_embeddings, 8);
  EXPECT_EQ(load().encoder->positions, 12);
  write("sentence_bert_config.json", R"({"max_seq_length":800})");
  EXPECT_EQ(load().max_position_embeddings, 12);
}

TEST_F(SentenceFiles, ALayerBehindTheEncoderIsRefused) {
  write(
      "modules.json",
      R"([{"type":"sentence_transformers.models.Transformer"},{"type":"sentence_transformers.models.Normalize"}])");
  EXPECT_EQ(load_refusal(), "(accepted)");
  write("modules.json", R"([{"type":7},8,{}])");
  EXPECT_EQ(load_refusal(), "(accepted)");
  write("modules.json", R"([{"type":"sentence_transformers.models.Dense"}])");
  EXPECT_THAT(load_refusal(), HasSubstr("sentence_transformers.models.Dense"));
}

TEST_F(SentenceFiles, ChangeWhatTheModelIs) {
  const std::string without = canonical_config(load());
  write("1_Pooling/config.json", R"({"pooling_mode_cls_token":true})");
  const std::string with = canonical_config(load());
  EXPECT_NE(without, with);
  EXPECT_THAT(with, HasSubstr(R"("pooling":"cls")"));
  EXPECT_THAT(with, HasSubstr(R"("encoder":{)"));
}

TEST(EncoderTensors, AreComparedWithTheConfiguration) {
  const auto folder = std::filesystem::path(HUB_SOURCE_DIR) / "tests/golden/models/encoders/bert";
  EXPECT_NO_THROW(check_model_folder(folder));
  ModelConfig config = ModelConfig::load(folder);
  const auto files = read_weight_files(folder);
  EXPECT_THAT(tensor_problems(config, files), testing::IsEmpty());
  config.encoder->positions = 13;
  config.encoder->token_types = 1;
  EXPECT_THAT(
      listed(tensor_problems(config, files)),
      testing::AllOf(
          HasSubstr("embeddings.position_embeddings.weight is"),
          HasSubstr("embeddings.token_type_embeddings.weight is")));
}

}  // namespace
}  // namespace hub::model_config

#include "core/model_config/tensor_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "tests/support/small_model.h"
#include "tests/support/storage.h"

namespace hub::model_config {
namespace {

using base::Json;
using testing::AllOf;
using testing::HasSubstr;

class TensorCheckTest : public ::testing::Test {
 protected:
  // What is said of the small model with these changes.
  std::string complaint(const Json& config_changes, const test::TensorShapes& shapes) {
    Json config = test::small_config();
    config.update(config_changes);
    test::write_bytes(folder_.path() / "config.json", config.dump());
    test::write_bytes(folder_.path() / "model.safetensors", test::safetensors_file(shapes));
    const auto thrown = test::thrown_by([&] { check_model_folder(folder_.path()); });
    EXPECT_TRUE(
        thrown.code == base::ErrorCode::kUnprocessable || thrown.message == "nothing was thrown");
    return thrown.message;
  }

  test::TempDir folder_;
};

TEST_F(TensorCheckTest, AWholeModelHasNoProblem) {
  EXPECT_EQ(complaint(Json::object(), test::small_tensors()), "nothing was thrown");
  auto shapes = test::small_tensors();
  shapes["lm_head.weight"] = {16, 8};
  shapes["model.layers.0.self_attn.rotary_emb.inv_freq"] = {2};
  EXPECT_EQ(complaint(Json::object(), shapes), "nothing was thrown") << "as mlx-lm drops them";
  EXPECT_EQ(
      complaint({{"tie_word_embeddings", false}}, test::small_tensors())
              .find("missing: lm_head.weight [16, 8]") != std::string::npos,
      true);
}

TEST_F(TensorCheckTest, TheLargestLayerNumberIsCounted) {
  auto shapes = test::small_tensors();
  shapes["model.layers.2147483647.mlp.up_proj.weight"] = {1};
  EXPECT_THAT(complaint(Json::object(), shapes), HasSubstr("the tensors are of 2147483648 layers"));
}

TEST_F(TensorCheckTest, EverySizeIsComparedWithTheTensors) {
  const auto shapes = test::small_tensors();
  EXPECT_THAT(
      complaint({{"vocab_size", 32}}, shapes),
      HasSubstr("model.embed_tokens.weight is [16, 8] F32, wanted [32, 8] of floats"));
  EXPECT_THAT(
      complaint({{"num_key_value_heads", 1}}, shapes),
      AllOf(
          HasSubstr("k_proj.weight is [8, 8] F32, wanted [4, 8]"),
          HasSubstr("v_proj.weight is [8, 8] F32, wanted [4, 8]")));
  EXPECT_THAT(
      complaint({{"intermediate_size", 12}}, shapes),
      AllOf(HasSubstr("gate_proj"), HasSubstr("up_proj"), HasSubstr("down_proj")));
  EXPECT_THAT(
      complaint({{"num_hidden_layers", 3}}, shapes),
      HasSubstr("'num_hidden_layers' is 3, but the tensors are of 1 layers"));
  EXPECT_THAT(
      complaint(Json::object(), test::small_tensors(2)),
      AllOf(
          HasSubstr("'num_hidden_layers' is 1, but the tensors are of 2 layers"),
          testing::Not(HasSubstr("unused: model.layers.1"))));
  EXPECT_THAT(
      complaint({{"attention_bias", true}}, shapes),
      HasSubstr("missing: model.layers.0.self_attn.q_proj.bias [8]"));
}

TEST_F(TensorCheckTest, WhatIsMissingOrBelongsToNobodyIsNamed) {
  auto shapes = test::small_tensors();
  shapes.erase("model.norm.weight");
  shapes.erase("model.layers.0.mlp.up_proj.weight");
  shapes["model.vision_tower.weight"] = {3};
  EXPECT_THAT(
      complaint(Json::object(), shapes),
      AllOf(
          HasSubstr("missing: model.norm.weight [8]"),
          HasSubstr("missing: model.layers.0.mlp.up_proj.weight [8, 8]"),
          HasSubstr("unused: model.vision_tower.weight")));
}

TEST_F(TensorCheckTest, ProblemsOfEveryFileAreNamedTogether) {
  test::write_bytes(folder_.path() / "config.json", R"({"model_type":"gpt-none"})");
  test::write_bytes(folder_.path() / "model.safetensors", "short");
  const auto thrown = test::thrown_by([&] { check_model_folder(folder_.path()); });
  EXPECT_THAT(
      thrown.message, AllOf(HasSubstr("'gpt-none' is not supported"), HasSubstr("too short")));
  EXPECT_EQ(thrown.reason, "unsupported_architecture");
}

TEST_F(TensorCheckTest, TheQuantizationBlockMustFitThePackedTensors) {
  auto shapes = test::small_tensors();
  shapes["model.embed_tokens.scales"] = {16, 1};
  shapes["model.embed_tokens.biases"] = {16, 1};
  EXPECT_THAT(
      complaint(Json::object(), shapes),
      HasSubstr("model.embed_tokens.scales is [16, 1] F32: config.json has no 'quantization'"));
  EXPECT_THAT(
      complaint({{"quantization", {{"group_size", 64}, {"bits", 4}}}}, shapes),
      HasSubstr("no quantization that config.json allows"));
}

}  // namespace
}  // namespace hub::model_config

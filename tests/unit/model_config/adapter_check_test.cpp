#include "core/model_config/adapter_check.h"

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

class AdapterCheckTest : public ::testing::Test {
 protected:
  test::TempDir folder_;
};

TEST_F(AdapterCheckTest, AnAdapterMustFitItsBase) {
  const ModelConfig base = ModelConfig::from_json(test::small_config());
  const auto refused = [&](const std::string& digest) {
    return test::thrown_by([&] { check_adapter_folder(folder_.path(), base, digest); });
  };
  test::write_small_adapter(folder_.path());
  EXPECT_EQ(refused("any").message, "nothing was thrown");
  test::write_small_adapter(folder_.path(), std::string(64, 'a'));
  EXPECT_EQ(refused(std::string(64, 'a')).message, "nothing was thrown");
  EXPECT_EQ(refused(std::string(64, 'b')).reason, "adapter_mismatch");
  test::write_bytes(
      folder_.path() / "adapters.safetensors",
      test::safetensors_file(
          {{"model.layers.0.self_attn.q_proj.lora_a", {4, 2}},
           {"model.layers.7.self_attn.q_proj.lora_b", {2, 8}}}));
  const auto thrown = refused(std::string(64, 'a'));
  EXPECT_EQ(thrown.reason, "adapter_does_not_fit");
  EXPECT_THAT(
      thrown.message,
      AllOf(
          HasSubstr("lora_a is [4, 2] F32, wanted [8, 2]"),
          HasSubstr("missing: model.layers.0.self_attn.q_proj.lora_b [2, 8]"),
          HasSubstr("model.layers.7.self_attn.q_proj.lora_b belongs to no layer")));
}

TEST_F(AdapterCheckTest, AnAdapterMayNameWholePathsAndHaveMagnitudes) {
  const ModelConfig base = ModelConfig::from_json(test::small_config());
  const auto refused = [&](const Json& config, const test::TensorShapes& shapes) {
    test::write_bytes(folder_.path() / "adapter_config.json", config.dump());
    test::write_bytes(folder_.path() / "adapters.safetensors", test::safetensors_file(shapes));
    return test::thrown_by([&] { check_adapter_folder(folder_.path(), base, "any"); }).message;
  };
  Json config = {
      {"fine_tune_type", "dora"},
      {"num_layers", 1},
      {"lora_parameters",
       {{"rank", 2},
        {"scale", 1.0},
        {"dropout", 0.0},
        {"keys", {"model.embed_tokens", "model.layers.0.mlp.up_proj"}}}}};
  const test::TensorShapes shapes{
      {"model.embed_tokens.lora_a", {16, 2}},
      {"model.embed_tokens.lora_b", {2, 8}},
      {"model.embed_tokens.m", {16}},
      {"model.layers.0.mlp.up_proj.lora_a", {8, 2}},
      {"model.layers.0.mlp.up_proj.lora_b", {2, 8}},
      {"model.layers.0.mlp.up_proj.m", {8}}};
  EXPECT_EQ(refused(config, shapes), "nothing was thrown");
  config["fine_tune_type"] = "lora";
  EXPECT_THAT(refused(config, shapes), HasSubstr("model.embed_tokens.m belongs to no layer"));
  config["fine_tune_type"] = "dora";
  auto fewer = shapes;
  fewer.erase("model.layers.0.mlp.up_proj.m");
  EXPECT_THAT(refused(config, fewer), HasSubstr("missing: model.layers.0.mlp.up_proj.m [8]"));
}

TEST_F(AdapterCheckTest, ExpertsHaveFactorsEachAndNoMagnitudes) {
  Json json = test::small_config();
  json["model_type"] = "qwen3_moe";
  json["num_experts"] = 3;
  json["num_experts_per_tok"] = 2;
  json["moe_intermediate_size"] = 6;
  const ModelConfig base = ModelConfig::from_json(json);
  const std::string path = "model.layers.0.mlp.switch_mlp.up_proj";
  const auto refused = [&](const char* type, const test::TensorShapes& shapes) {
    Json config = {
        {"fine_tune_type", type},
        {"num_layers", 1},
        {"lora_parameters", {{"rank", 2}, {"scale", 1.0}, {"dropout", 0.0}}}};
    config["lora_parameters"]["keys"] = Json::array({path});
    test::write_bytes(folder_.path() / "adapter_config.json", config.dump());
    test::write_bytes(folder_.path() / "adapters.safetensors", test::safetensors_file(shapes));
    return test::thrown_by([&] { check_adapter_folder(folder_.path(), base, "any"); }).message;
  };
  const test::TensorShapes shapes{{path + ".lora_a", {3, 2, 8}}, {path + ".lora_b", {3, 6, 2}}};
  EXPECT_EQ(refused("lora", shapes), "nothing was thrown");
  EXPECT_THAT(refused("dora", shapes), HasSubstr("has experts, which take no magnitudes (dora)"));
  EXPECT_THAT(
      refused("lora", {{path + ".lora_a", {8, 2}}, {path + ".lora_b", {3, 6, 2}}}),
      HasSubstr("lora_a is [8, 2] F32, wanted [3, 2, 8] of floats"));
}

}  // namespace
}  // namespace hub::model_config

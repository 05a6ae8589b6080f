#include "core/model_config/quantize_params.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"

namespace hub::model_config {
namespace {

using base::Json;
using testing::HasSubstr;

QuantizeParams params(const char* text) {
  return QuantizeParams::from_json(Json::parse(text), "params");
}

// The refusal's param, and that its message names it.
std::string refused(const char* text) {
  try {
    params(text);
  } catch (const base::Error& error) {
    EXPECT_THAT(error.what(), HasSubstr(error.param()));
    return error.param();
  }
  return "accepted";
}

TEST(QuantizeParams, DefaultsAreMlxLms) {
  const QuantizeParams given = params("{}");
  EXPECT_EQ(given.quantization.mode, "affine");
  EXPECT_EQ(given.quantization.bits, 4);
  EXPECT_EQ(given.quantization.group_size, 64);
  EXPECT_TRUE(given.check);
  EXPECT_EQ(params(R"({"mode":"nvfp4"})").quantization.group_size, 16);
  EXPECT_EQ(params(R"({"mode":"mxfp8"})").quantization.bits, 8);
}

TEST(QuantizeParams, GoThroughJsonUnchanged) {
  for (
      const char* text :
      {"{}",
       R"({"recipe":"mixed_3_6","group_size":32,"dtype":"float16"})",
       R"({"mode":"mxfp4","overrides":{"lm_head":false,"v_proj":{"mode":"affine","bits":8}},"check":false})"}) {
    const Json once = params(text).to_json();
    EXPECT_EQ(QuantizeParams::from_json(once, "params").to_json(), once) << text;
  }
  const auto mixed = params(R"({"mode":"mxfp4","overrides":{"v_proj":{"mode":"affine"}}})");
  EXPECT_EQ(mixed.overrides.at("v_proj")->group_size, 64) << "another mode has its own defaults";
}

TEST(QuantizeParams, RefusesWhatMlxDoesNotPack) {
  EXPECT_EQ(refused(R"({"bits":7})"), "params.bits");
  EXPECT_EQ(refused(R"({"bits":1})"), "params.bits");
  EXPECT_EQ(refused(R"({"bits":"four"})"), "params.bits");
  EXPECT_EQ(refused(R"({"group_size":48})"), "params.group_size");
  EXPECT_EQ(refused(R"({"mode":"gptq"})"), "params.mode");
  EXPECT_EQ(refused(R"({"mode":"mxfp4","bits":8})"), "params.bits");
  EXPECT_EQ(refused(R"({"mode":"nvfp4","group_size":32})"), "params.group_size");
  EXPECT_EQ(refused(R"({"recipe":"mixed_1_2"})"), "params.recipe");
  EXPECT_EQ(refused(R"({"recipe":"mixed_2_6","bits":4})"), "params.recipe");
  EXPECT_EQ(refused(R"({"recipe":"mixed_2_6","mode":"mxfp4"})"), "params.recipe");
  EXPECT_EQ(refused(R"({"dtype":"int8"})"), "params.dtype");
  EXPECT_EQ(refused(R"({"speed":1})"), "params.speed");
  EXPECT_EQ(refused(R"({"overrides":{"a":true}})"), "params.overrides.a");
  EXPECT_EQ(refused(R"({"overrides":{"a":{"bits":7}}})"), "params.overrides.a.bits");
}

const std::vector<std::string> kPaths{
    "model.embed_tokens",
    "model.layers.0.self_attn.v_proj",
    "model.layers.0.mlp.down_proj",
    "model.layers.1.self_attn.v_proj",
    "model.layers.1.mlp.down_proj",
    "lm_head"};

TEST(QuantizationPlan, TheLongestNameThatFitsHolds) {
  const QuantizationPlan plan(
      params(R"({"overrides":{"v_proj":{"bits":6},"layers.1.self_attn.v_proj":false}})"),
      kPaths,
      2);
  EXPECT_EQ(plan.of("model.layers.0.self_attn.v_proj")->bits, 6);
  EXPECT_FALSE(plan.of("model.layers.1.self_attn.v_proj"));
  EXPECT_EQ(plan.of("lm_head")->bits, 4);
  EXPECT_TRUE(plan.is_named("model.layers.0.self_attn.v_proj"));
  EXPECT_FALSE(plan.is_named("lm_head"));
}

// mlx_lm/convert.py computes: of 16 layers 0, 1, 14, 15 and every third from 4 on get more.
TEST(QuantizationPlan, ARecipeChoosesByLayer) {
  const QuantizationPlan plan(params(R"({"recipe":"mixed_3_6"})"), kPaths, 16);
  const auto bits = [&plan](int layer, const char* name) {
    return plan.of("model.layers." + std::to_string(layer) + "." + name)->bits;
  };
  for (const int layer : {0, 1, 4, 7, 10, 13, 14, 15}) {
    EXPECT_EQ(bits(layer, "self_attn.v_proj"), 6) << layer;
    EXPECT_EQ(bits(layer, "mlp.down_proj"), 6) << layer;
    EXPECT_EQ(bits(layer, "mlp.up_proj"), 3) << layer;
  }
  for (const int layer : {2, 3, 5, 6, 8, 9, 11, 12}) {
    EXPECT_EQ(bits(layer, "self_attn.v_proj"), 3) << layer;
  }
  EXPECT_EQ(plan.of("lm_head")->bits, 6);
  EXPECT_EQ(plan.of("model.embed_tokens")->bits, 3);
  EXPECT_TRUE(plan.is_named("model.embed_tokens"));
}

TEST(QuantizationPlan, RefusesNamesThatFitNothing) {
  EXPECT_THROW(
      QuantizationPlan(params(R"({"overrides":{"v_prj":{"bits":6}}})"), kPaths, 2), base::Error);
  EXPECT_THROW(QuantizationPlan(params(R"({"recipe":"mixed_2_6"})"), {"a.b"}, 2), base::Error);
}

}  // namespace
}  // namespace hub::model_config

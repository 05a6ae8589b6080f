#include "core/model_config/optimizer_params.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"

namespace hub::model_config {
namespace {

using base::Json;

TEST(OptimizerParams, DefaultsAreMlxs) {
  EXPECT_EQ(OptimizerParams::defaults("lion").to_json(), Json::parse(R"({"betas": [0.9, 0.99]})"));
  EXPECT_EQ(
      OptimizerParams::defaults("muon").to_json(),
      Json::parse(R"({"momentum": 0.95, "nesterov": true, "ns_steps": 5})"));
  EXPECT_EQ(OptimizerParams{}.to_json(), OptimizerParams::defaults("adamw").to_json());
  EXPECT_EQ(OptimizerParams::defaults("adamw").default_weight_decay(), 0.01);
  EXPECT_EQ(OptimizerParams::defaults("sgd").default_weight_decay(), 0.0);
  EXPECT_EQ(OptimizerParams::defaults("adam").moments(), 2);
  EXPECT_EQ(OptimizerParams::defaults("adafactor").moments(), 0);
}

TEST(OptimizerParams, ComesBackAsSent) {
  const auto there_and_back = [](const char* name, const char* text) {
    const Json sent = Json::parse(text);
    EXPECT_EQ(OptimizerParams::from_json(name, sent, "c").to_json(), sent);
  };
  there_and_back("adam", R"({"betas": [0.8, 0.9], "eps": 1e-6, "bias_correction": true})");
  there_and_back("sgd", R"({"momentum": 0.9, "dampening": 0.1, "nesterov": false})");
  there_and_back("lion", R"({"betas": [0.5, 0.9]})");
  there_and_back("muon", R"({"momentum": 0.9, "nesterov": false, "ns_steps": 3})");
  there_and_back("adafactor", R"({"eps": [1e-20, 1e-2], "clip_threshold": 2.0, "decay_rate": -0.5,
    "beta_1": 0.9, "scale_parameter": false, "relative_step": false, "warmup_init": true})");
}

class RefusedConfig
    : public ::testing::TestWithParam<std::tuple<const char*, const char*, const char*>> {};

TEST_P(RefusedConfig, NamesTheField) {
  const auto [name, text, field] = GetParam();
  try {
    OptimizerParams::from_json(name, Json::parse(text), "config");
    FAIL() << text << " was accepted";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::ErrorCode::kInvalidArgument);
    EXPECT_EQ(error.param(), std::string("config.") + field) << error.what();
  }
}

INSTANTIATE_TEST_SUITE_P(
    OptimizerParams,
    RefusedConfig,
    ::testing::Values(
        std::tuple("adam", R"({"betas": [0.9]})", "betas"),
        std::tuple("adam", R"({"betas": [0.9, 1.0]})", "betas"),
        std::tuple("adam", R"({"betas": ["a", 0.9]})", "betas"),
        std::tuple("adam", R"({"eps": -1})", "eps"),
        std::tuple("adam", R"({"momentum": 0.9})", "momentum"),
        std::tuple("sgd", R"({"momentum": 1.0})", "momentum"),
        std::tuple("sgd", R"({"nesterov": true})", "nesterov"),
        std::tuple("sgd", R"({"momentum": 0.9, "dampening": 0.1, "nesterov": true})", "nesterov"),
        std::tuple("lion", R"({"eps": 1e-8})", "eps"),
        std::tuple("adafactor", R"({"eps": 1e-8})", "eps"),
        std::tuple("adafactor", R"({"decay_rate": 0.8})", "decay_rate"),
        std::tuple("adafactor", R"({"beta_1": 1})", "beta_1"),
        std::tuple("adafactor", R"({"clip_threshold": 0})", "clip_threshold"),
        std::tuple("muon", R"({"ns_steps": 0})", "ns_steps")));

TEST(OptimizerParams, RefusesAnUnknownName) {
  EXPECT_THROW(OptimizerParams::defaults("adadelta"), base::Error);
}

}  // namespace
}  // namespace hub::model_config

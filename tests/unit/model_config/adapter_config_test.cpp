#include "core/model_config/adapter_config.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "tests/support/temp_dir.h"

namespace hub::model_config {
namespace {

using ::testing::HasSubstr;

std::string refusal(const std::string& text) {
  const test::TempDir folder;
  static_cast<void>(folder.write("adapter_config.json", text));
  try {
    AdapterConfig::load(folder.path());
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::ErrorCode::kUnprocessable);
    EXPECT_THAT(error.what(), HasSubstr("adapter_config.json"));
    return error.what();
  }
  return "accepted";
}

TEST(AdapterConfig, ReadsWhatMlxLmWrites) {
  const test::TempDir folder;
  static_cast<void>(folder.write(
      "adapter_config.json",
      R"({"fine_tune_type":"lora","num_layers":16,"iters":100,"model":"x",
          "lora_parameters":{"dropout":0.1,"keys":["self_attn.q_proj"],"rank":4,"scale":2.5}})"));
  const AdapterConfig config = AdapterConfig::load(folder.path());
  EXPECT_EQ(config.num_layers, 16);
  EXPECT_EQ(config.rank, 4);
  EXPECT_DOUBLE_EQ(config.scale, 2.5);
  EXPECT_EQ(config.keys->at(0), "self_attn.q_proj");
}

TEST(AdapterConfig, WholeWeightsHaveNoRank) {
  const auto config = AdapterConfig::from_json(
      {{"fine_tune_type", "full"}, {"num_layers", 2}, {"lora_parameters", nullptr}});
  EXPECT_EQ(config.fine_tune_type, "full");
  EXPECT_EQ(config.num_layers, 2);
}

TEST(AdapterConfig, OtherKindsAndMissingFieldsAreRefused) {
  EXPECT_THAT(refusal(R"({"peft_type":"LORA","r":8})"), HasSubstr("PEFT"));
  EXPECT_THAT(refusal(R"({"fine_tune_type":"dora"})"), HasSubstr("'lora_parameters' is required"));
  EXPECT_THAT(refusal(R"({"fine_tune_type":"ia3"})"), HasSubstr("ia3"));
  EXPECT_THAT(refusal(R"({"fine_tune_type":"lora"})"), HasSubstr("'lora_parameters' is required"));
  EXPECT_THAT(
      refusal(R"({"lora_parameters":{"rank":8}})"),
      HasSubstr("'lora_parameters.scale' is required"));
  EXPECT_THAT(
      refusal(R"({"lora_parameters":{"rank":0,"scale":1}})"), HasSubstr("lora_parameters.rank"));
  EXPECT_THAT(refusal("{"), HasSubstr("not valid JSON"));
}

}  // namespace
}  // namespace hub::model_config

#include "core/model_config/evaluate_params.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"

namespace hub::model_config {
namespace {

using base::Json;

std::string refused(const char* text) {
  try {
    EvaluateParams::from_json(Json::parse(text), "params");
  } catch (const base::Error& error) {
    return error.param();
  }
  return "accepted";
}

TEST(EvaluateParams, HaveDefaultsAndGoThroughJson) {
  const auto params = EvaluateParams::from_json(Json::object(), "params");
  EXPECT_EQ(params.task, "loss");
  EXPECT_EQ(params.max_seq_length, 2048);
  EXPECT_FALSE(params.max_rows);
  const Json full = Json::parse(
      R"({"task":"exact_match","max_rows":3,"max_seq_length":64,"batch_size":2,"train_on_prompt":true,"max_tokens":8})");
  EXPECT_EQ(EvaluateParams::from_json(full, "params").to_json(), full);
}

TEST(EvaluateParams, RefuseByName) {
  EXPECT_EQ(refused(R"({"task":"bleu"})"), "params.task");
  EXPECT_EQ(refused(R"({"max_rows":0})"), "params.max_rows");
  EXPECT_EQ(refused(R"({"max_seq_length":1})"), "params.max_seq_length");
  EXPECT_EQ(refused(R"({"batch_size":5000})"), "params.batch_size");
  EXPECT_EQ(refused(R"({"max_tokens":0})"), "params.max_tokens");
  EXPECT_EQ(refused(R"({"rank":8})"), "params.rank");
  EXPECT_EQ(refused(R"({"max_rows":null,"batch_size":null})"), "accepted");
}

}  // namespace
}  // namespace hub::model_config

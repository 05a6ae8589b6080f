#include "api/handlers/conversion_request.h"

#include <gmock/gmock.h>

#include "tests/unit/api/handlers/handler_fixture.h"

namespace hub::api {
namespace {

using base::Json;
using testing::HasSubstr;

class Conversions : public test::HandlerFixture {
 protected:
  Conversions() {
    add_chat_model("tiny");
    const Answer made = post(
        "/models",
        {{"name", "tuned"}, {"base_model", adapter_folder("tuned").string()}, {"base", "tiny"}});
    EXPECT_EQ(made.status, 201) << made.response.body;
    add_dataset("facts-data");
  }
  Answer merge(const Json& changes = Json::object()) {
    Json body = {{"type", "merge"}, {"model", "tuned"}};
    body.update(changes);
    return post("/jobs", body);
  }
  Answer quantize(const Json& changes = Json::object()) {
    Json body = {{"type", "quantize"}, {"model", "tiny"}};
    body.update(changes);
    return post("/jobs", body);
  }
};

TEST_F(Conversions, AMergeBecomesAJobWithAllDefaults) {
  const Answer made = merge();
  ASSERT_EQ(made.status, 202) << made.response.body;
  EXPECT_EQ(made.json["type"], "merge");
  EXPECT_EQ(made.json["model_version"]["model"], "tuned");
  EXPECT_EQ(made.json["params"], (Json{{"dequantize", false}, {"check", true}}));
  EXPECT_EQ(made.json["output"], (Json{{"name", "tuned-merged"}, {"alias", nullptr}}));
  EXPECT_EQ(made.json["dataset"], nullptr);
  EXPECT_EQ(merge({{"dataset", "facts-data"}}).json["dataset"]["name"], "facts-data");
  EXPECT_EQ(
      merge({{"model", "tiny+tuned"}, {"output", {{"name", "whole"}, {"alias", "next"}}}})
          .json["output"],
      (Json{{"name", "whole"}, {"alias", "next"}}));
}

TEST_F(Conversions, AQuantizationIsNamedAfterItsBits) {
  const auto name = [&](const Json& params) {
    const Answer made = quantize({{"params", params}});
    EXPECT_EQ(made.status, 202) << made.response.body;
    return made.json["output"]["name"].get<std::string>();
  };
  EXPECT_EQ(name(Json::object()), "tiny-4bit");
  EXPECT_EQ(name({{"bits", 3}}), "tiny-3bit");
  EXPECT_EQ(name({{"mode", "mxfp8"}}), "tiny-mxfp8");
  EXPECT_EQ(name({{"recipe", "mixed_3_6"}}), "tiny-mixed_3_6");
}

TEST_F(Conversions, WhatCannotWorkIsRefusedAtOnce) {
  EXPECT_EQ(merge({{"model", "tiny"}}).param(), "model");
  EXPECT_EQ(merge({{"model", "none"}}).code(), "model_not_found");
  EXPECT_EQ(merge({{"params", {{"bits", 4}}}}).param(), "params.bits");
  EXPECT_EQ(merge({{"output", {{"name", "tuned"}}}}).status, 409) << "it holds adapters";
  EXPECT_EQ(merge({{"dataset", "none"}}).code(), "dataset_not_found");
  EXPECT_EQ(merge({{"speed", 1}}).param(), "speed");
  EXPECT_THAT(quantize({{"model", "tuned"}}).message(), HasSubstr("merge it first"));
  EXPECT_EQ(quantize({{"params", {{"bits", 7}}}}).param(), "params.bits");
  EXPECT_EQ(quantize({{"params", {{"mode", "gguf"}}}}).param(), "params.mode");
  EXPECT_EQ(quantize({{"output", {{"name", "a b"}}}}).param(), "output.name");
  EXPECT_EQ(get("/jobs").json["data"].size(), 0U);
}

}  // namespace
}  // namespace hub::api

#include "api/openai/embedding_request.h"

#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "api/openai/embedding_response.h"
#include "core/base/error.h"
#include "core/base/json_reader.h"

namespace hub::api {
namespace {

using Encoding = EmbeddingRequest::Encoding;
using engine::Pooling;

EmbeddingRequest parse(const std::string& text) {
  return EmbeddingRequest::from_json(base::parse_json(text, "request body"));
}

base::Error refusal(const std::string& text) {
  try {
    static_cast<void>(parse(text));
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::ErrorCode::kInvalidArgument);
    return error;
  }
  ADD_FAILURE() << "accepted: " << text;
  return base::Error(base::ErrorCode::kInternal, "accepted");
}

TEST(EmbeddingRequest, InputForms) {
  EXPECT_EQ(parse(R"({"input":"a"})").inputs, (std::vector<Prompt>{"a"}));
  EXPECT_EQ(parse(R"({"input":["a","b"]})").inputs, (std::vector<Prompt>{"a", "b"}));
  EXPECT_EQ(parse(R"({"input":[1,2]})").inputs, (std::vector<Prompt>{std::vector{1, 2}}));
  EXPECT_EQ(
      parse(R"({"input":[[1],[2,3]]})").inputs,
      (std::vector<Prompt>{std::vector{1}, std::vector{2, 3}}));
}

TEST(EmbeddingRequest, Defaults) {
  const EmbeddingRequest request = parse(
      R"({"input":"a","encoding_format":null,"dimensions":null,"user":null,"pooling":null,"normalize":null,"other":1})");
  EXPECT_EQ(request.model, "");
  EXPECT_EQ(request.encoding, Encoding::kFloat);
  EXPECT_FALSE(request.dimensions);
  EXPECT_FALSE(request.pooling);
  EXPECT_TRUE(request.normalize);
}

TEST(EmbeddingRequest, Options) {
  const EmbeddingRequest request = parse(
      R"({"model":"m","input":"a","encoding_format":"base64","dimensions":64,"user":"u","pooling":"cls","normalize":false})");
  EXPECT_EQ(request.model, "m");
  EXPECT_EQ(request.encoding, Encoding::kBase64);
  EXPECT_EQ(request.dimensions, 64);
  EXPECT_EQ(request.pooling, Pooling::kCls);
  EXPECT_FALSE(request.normalize);
  EXPECT_EQ(parse(R"({"input":"a","pooling":"mean"})").pooling, Pooling::kMean);
  EXPECT_EQ(parse(R"({"input":"a","pooling":"last"})").pooling, Pooling::kLast);
}

TEST(EmbeddingRequest, WrongFieldsAreNamed) {
  EXPECT_EQ(refusal(R"({})").param(), "input");
  EXPECT_EQ(refusal(R"({"input":[]})").param(), "input");
  EXPECT_EQ(refusal(R"({"input":""})").param(), "input");
  EXPECT_EQ(refusal(R"({"input":["a",""]})").param(), "input[1]");
  EXPECT_EQ(refusal(R"({"input":["a",[]]})").param(), "input[1]");
  EXPECT_EQ(refusal(R"({"input":["a",7]})").param(), "input[1]");
  EXPECT_EQ(refusal(R"({"input":[1,-2]})").param(), "input[1]");
  EXPECT_EQ(refusal(R"({"input":{"a":1}})").param(), "input");
  EXPECT_EQ(refusal(R"({"input":"a","dimensions":0})").param(), "dimensions");
  EXPECT_EQ(refusal(R"({"input":"a","dimensions":"64"})").param(), "dimensions");
  EXPECT_EQ(refusal(R"({"input":"a","normalize":1})").param(), "normalize");
  EXPECT_EQ(refusal(R"({"input":"a","user":7})").param(), "user");
  EXPECT_EQ(refusal(R"({"input":"a","pooling":"max"})").param(), "pooling");
  const base::Error error = refusal(R"({"input":"a","encoding_format":"int8"})");
  EXPECT_EQ(error.param(), "encoding_format");
  EXPECT_STREQ(error.what(), "'encoding_format' must be one of 'float', 'base64', got 'int8'");
}

TEST(EmbeddingRequest, TooManyInputsAreRefusedWithBothNumbers) {
  std::string many = R"({"input":["a")";
  for (int i = 0; i < 2048; ++i) {
    many += R"(,"a")";
  }
  const base::Error error = refusal(many + "]}");
  EXPECT_EQ(error.param(), "input");
  EXPECT_STREQ(error.what(), "'input' may hold at most 2048 inputs, got 2049");
}

TEST(EmbeddingAnswer, FloatsComeBackAsTheyWere) {
  const std::vector<std::vector<float>> vectors{{0.1F, -1e-9F, 1.0F}, {3.4e38F, 0.0F, -0.25F}};
  const base::Json answer =
      base::Json::parse(embedding_answer(vectors, Encoding::kFloat, "na\"me", 7));
  EXPECT_EQ(answer.at("object"), "list");
  EXPECT_EQ(answer.at("model"), "na\"me");
  EXPECT_EQ(answer.at("usage"), base::Json({{"prompt_tokens", 7}, {"total_tokens", 7}}));
  for (std::size_t i = 0; i < vectors.size(); ++i) {
    const base::Json& one = answer.at("data").at(i);
    EXPECT_EQ(one.at("object"), "embedding");
    EXPECT_EQ(one.at("index"), i);
    EXPECT_EQ(one.at("embedding").get<std::vector<float>>(), vectors[i]);
  }
}

TEST(EmbeddingAnswer, Base64IsLittleEndianFloat32) {
  const base::Json answer =
      base::Json::parse(embedding_answer({{1.0F, -2.0F}}, Encoding::kBase64, "m", 1));
  EXPECT_EQ(answer.at("data").at(0).at("embedding"), "AACAPwAAAMA=");
}

}  // namespace
}  // namespace hub::api

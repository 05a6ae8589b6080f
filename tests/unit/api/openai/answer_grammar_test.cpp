#include "api/openai/answer_grammar.h"

#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"

namespace hub::api {
namespace {

using text::GrammarSpec;
using Kind = GrammarSpec::Kind;

std::optional<GrammarSpec> grammar_of(const std::string& body) {
  const base::Json json = base::Json::parse(body);
  return read_grammar(base::JsonReader(json));
}

std::string param_of(const std::string& body) {
  try {
    static_cast<void>(grammar_of(body));
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::ErrorCode::kInvalidArgument);
    return error.param();
  }
  return "(accepted)";
}

TEST(AnswerGrammar, WithoutOneAnythingMayBeSaid) {
  EXPECT_EQ(grammar_of("{}"), std::nullopt);
  EXPECT_EQ(grammar_of(R"({"response_format":null})"), std::nullopt);
  EXPECT_EQ(grammar_of(R"({"response_format":{"type":"text"}})"), std::nullopt);
}

TEST(AnswerGrammar, ReadsEveryClientsWords) {
  const GrammarSpec schema{.kind = Kind::kJsonSchema, .text = R"({"b":1,"a":2})"};
  EXPECT_EQ(
      grammar_of(R"({"response_format":{"type":"json_schema",
                     "json_schema":{"name":"x","strict":true,"schema":{"b":1,"a":2}}}})"),
      schema);
  EXPECT_EQ(
      grammar_of(R"({"response_format":{"type":"json_object","schema":{"b":1,"a":2}}})"), schema);
  EXPECT_EQ(grammar_of(R"({"json_schema":{"b":1,"a":2}})"), schema);
  EXPECT_EQ(grammar_of(R"({"guided_json":{"b":1,"a":2}})"), schema);
  EXPECT_EQ(
      grammar_of(R"({"response_format":{"type":"json_object"}})").value().kind, Kind::kJsonObject);
  EXPECT_EQ(
      grammar_of(R"({"guided_regex":"a+"})"), (GrammarSpec{.kind = Kind::kRegex, .text = "a+"}));
  EXPECT_EQ(
      grammar_of(R"({"guided_grammar":"start: \"a\""})"),
      (GrammarSpec{.kind = Kind::kLark, .text = "start: \"a\""}));
}

TEST(AnswerGrammar, WhatIsNoneIsRefusedByName) {
  EXPECT_EQ(param_of(R"({"response_format":"json"})"), "response_format");
  EXPECT_EQ(param_of(R"({"response_format":{"type":"xml"}})"), "response_format.type");
  EXPECT_EQ(
      param_of(R"({"response_format":{"type":"json_schema"}})"), "response_format.json_schema");
  EXPECT_EQ(
      param_of(R"({"response_format":{"type":"json_schema","json_schema":{}}})"),
      "response_format.json_schema.schema");
  EXPECT_EQ(
      param_of(R"({"response_format":{"type":"json_schema","json_schema":{"schema":[]}}})"),
      "response_format.json_schema.schema");
  EXPECT_EQ(param_of(R"({"guided_regex":5})"), "guided_regex");
  EXPECT_EQ(param_of(R"({"guided_regex":"a","guided_json":{}})"), "guided_regex");
  EXPECT_EQ(
      param_of(R"({"response_format":{"type":"json_object"},"json_schema":{}})"), "json_schema");
}

}  // namespace
}  // namespace hub::api

#include "core/chat/gemma_calls.h"

#include <string>

#include <gtest/gtest.h>

#include "tests/unit/chat/answers.h"

namespace hub::chat {
namespace {

Parsed function_gemma(const std::string& body) {
  return parse(
      {.form = CallForm::kFunctionGemma, .tools = tools()}, "<start_function_call>" + body);
}
Parsed gemma4(const std::string& text) {
  return parse({.form = CallForm::kGemma4, .tools = tools()}, text);
}
Parsed called(const std::string& arguments) {
  return {.calls = {{"get_weather", arguments}}, .whole_calls = 1};
}

TEST(GemmaCallsTest, ArgumentsBecomeJson) {
  EXPECT_EQ(
      function_gemma(
          "call:get_weather{city:<escape>Köln, \"am\" {Rhein}<escape>,days:3,exact:true,x:word}"
          "<end_function_call>"),
      called(R"({"city": "Köln, \"am\" {Rhein}", "days": 3, "exact": true, "x": "word"})"));
  EXPECT_EQ(function_gemma("call:get_weather{}<end_function_call>"), called("{}"));
}

TEST(GemmaCallsTest, ValuesMayBeNested) {
  EXPECT_EQ(
      gemma4("<|tool_call>call:get_weather{a:{b:[1,<|\"|>x<|\"|>,[],{}],c:null},d:[]}<tool_call|>"),
      called(R"({"a": {"b": [1, "x", [], {}], "c": null}, "d": []})"));
}

TEST(GemmaCallsTest, TextAroundAndSeveralCalls) {
  EXPECT_EQ(
      gemma4("Sure. <|tool_call>call:noop{}call:noop{a:1}<tool_call|> <|tool_call>call:noop{}"),
      (Parsed{
          .text = "Sure.",
          .calls = {{"noop", "{}"}, {"noop", R"({"a": 1})"}, {"noop", "{}"}},
          .whole_calls = 3}));
}

TEST(GemmaCallsTest, WhatIsCutOffIsHandedOverAsFarAsItCame) {
  EXPECT_EQ(
      function_gemma("call:get_weather{city:<escape>Par"),
      (Parsed{.calls = {{"get_weather", R"({"city": "Par)"}}}));
  EXPECT_EQ(
      function_gemma("call:get_weather{days:1"),
      (Parsed{.calls = {{"get_weather", R"({"days": 1)"}}}));
}

TEST(GemmaCallsTest, WhatLacksANameIsText) {
  for (const std::string body :
       {"print(x)<end_function_call>", "call:{a:1}", "call:get weather{}", "call:get_wea"}) {
    EXPECT_EQ(function_gemma(body), (Parsed{.text = "<start_function_call>" + body})) << body;
  }
}

}  // namespace
}  // namespace hub::chat

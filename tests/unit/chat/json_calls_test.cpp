#include "core/chat/json_calls.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/unit/chat/answers.h"

namespace hub::chat {
namespace {

Parsed hermes(const std::string& body) {
  return parse({.form = CallForm::kHermes, .tools = tools()}, "<tool_call>" + body);
}
Parsed generic(const std::string& text) {
  return parse({.form = CallForm::kGeneric, .tools = tools()}, text);
}
Parsed llama(const std::string& text) {
  return parse({.form = CallForm::kLlama, .tools = tools()}, text);
}

Parsed called(const std::string& arguments) {
  return {.calls = {{"get_weather", arguments}}, .whole_calls = 1};
}

TEST(JsonCallsTest, TakesArgumentsInEitherOrderAndForm) {
  EXPECT_EQ(
      hermes(R"({"name": "get_weather", "arguments": {"a": [1, {}]}}</tool_call>)"),
      called(R"({"a": [1, {}]})"));
  EXPECT_EQ(
      hermes(R"({"arguments": {"a": 1}, "name": "get_weather"}</tool_call>)"),
      called(R"({"a": 1})"));
  EXPECT_EQ(hermes(R"({"name": "get_weather", "parameters": {}}</tool_call>)"), called("{}"));
  EXPECT_EQ(hermes(R"({"function": "get_weather", "arguments": null}</tool_call>)"), called("{}"));
  EXPECT_EQ(hermes(R"({"name": "get_weather"}</tool_call>)"), called("{}"));
  EXPECT_EQ(
      hermes(R"({"name": "get_weather", "arguments": "{\"a\": \"b\"}"}</tool_call>)"),
      called(R"({"a": "b"})"));
  EXPECT_EQ(
      hermes(
          R"({"id": 7, "type": "function", "name": "get_weather", "arguments": {}, "x": [1]}</tool_call>)"),
      called("{}"));
}

TEST(JsonCallsTest, ABlockMayHoldSeveralAndArrays) {
  const Parsed two{.calls = {{"noop", "{}"}, {"noop", "{\"a\":1}"}}, .whole_calls = 2};
  EXPECT_EQ(
      hermes(
          "\n{\"name\": \"noop\"}\n{\"name\": \"noop\", \"arguments\": {\"a\":1}}\n</tool_call>"),
      two);
  EXPECT_EQ(
      hermes("[{\"name\": \"noop\"}, {\"name\": \"noop\", \"arguments\": {\"a\":1}}]</tool_call>"),
      two);
}

TEST(JsonCallsTest, AMissingBracketAtTheEndIsForgiven) {
  EXPECT_EQ(
      hermes(R"({"name": "get_weather", "arguments": {"a": 1}</tool_call>)"),
      called(R"({"a": 1})"));
  EXPECT_EQ(hermes(R"({"name": "get_weather", "arguments": {"a": 1}})"), called(R"({"a": 1})"));
}

TEST(JsonCallsTest, WhatIsNoJsonWithinArgumentsIsHandedOverAsItIs) {
  EXPECT_EQ(
      hermes(
          "{\"name\": \"get_weather\", \"arguments\": {\"a\": oops <b> </tool}}</tool_call> text"),
      (Parsed{
          .text = "text",
          .calls = {{"get_weather", "{\"a\": oops <b> </tool}}"}},
          .whole_calls = 1}));
  EXPECT_EQ(
      hermes("{\"name\": \"get_weather\", \"arguments\": {\"a\": oops </tool"),
      (Parsed{.calls = {{"get_weather", "{\"a\": oops </tool"}}}));
}

TEST(JsonCallsTest, WhatLacksANameIsText) {
  for (const std::string body :
       {R"({"arguments": {}}</tool_call>)",
        R"({"name": 3, "arguments": {}}</tool_call>)",
        R"({"name": "", "arguments": {}}</tool_call>)",
        R"("x"</tool_call>)",
        R"({}</tool_call>)",
        R"({"name": "noop", "arguments": [1]}</tool_call>)",
        R"({"name": "noop", "arguments": "x"}</tool_call>)"}) {
    EXPECT_EQ(hermes(body), (Parsed{.text = "<tool_call>" + body})) << body;
  }
}

TEST(JsonCallsTest, ASecondCallThatIsNoneIsTextAndTheFirstStays) {
  EXPECT_EQ(
      hermes(R"({"name": "noop"} {"nome": "noop"}</tool_call>)"),
      (Parsed{
          .text = R"( {"nome": "noop"}</tool_call>)",
          .calls = {{"noop", "{}"}},
          .whole_calls = 1}));
}

TEST(JsonCallsTest, LlamaCallsFromTheBegin) {
  EXPECT_EQ(
      llama(R"({"name": "get_weather", "parameters": {"city": "Paris"}})"),
      called(R"({"city": "Paris"})"));
  EXPECT_EQ(
      llama(
          "\n<|python_tag|>{\"type\": \"function\", \"name\": \"get_weather\", \"parameters\": "
          "{}}"),
      called("{}"));
  EXPECT_EQ(
      llama(
          R"({"name": "noop", "parameters": {}}; {"name": "get_weather", "parameters": {"city": "x"}})"),
      (Parsed{.calls = {{"noop", "{}"}, {"get_weather", R"({"city": "x"})"}}, .whole_calls = 2}));
  for (const std::string text :
       {"<|python_tag|>brave_search.call(query=\"x\")",
        "Hello {\"name\": \"noop\"}",
        "<|python",
        "[1, 2]",
        "{\"city\": \"Paris\"}",
        "{\"name\": \"Bob\", \"parameters\": {}}"}) {
    EXPECT_EQ(llama(text), (Parsed{.text = text})) << text;
  }
}

TEST(JsonCallsTest, GenericCallsMayBeWrapped) {
  EXPECT_EQ(
      generic(R"({"tool_calls": [{"name": "get_weather", "arguments": {"city": "Paris"}}]})"),
      called(R"({"city": "Paris"})"));
  EXPECT_EQ(generic(R"({"tool_call": {"name": "get_weather", "arguments": {}}})"), called("{}"));
  EXPECT_EQ(generic(R"([{"name": "get_weather", "arguments": {}}])"), called("{}"));
  EXPECT_EQ(
      generic(
          "{\"tool_calls\": [{\"name\": \"noop\", \"arguments\": {}}, {\"name\": \"noop\"}]}\nOk"),
      (Parsed{.text = "Ok", .calls = {{"noop", "{}"}, {"noop", "{}"}}, .whole_calls = 2}));
}

TEST(JsonCallsTest, OtherJsonIsText) {
  for (const std::string text :
       {R"({"tool_calls": []})",
        R"({"tool_calls": "none"})",
        R"({"name": "Bob", "age": 3})",
        R"({"temperature": 21})",
        "[]",
        "[[1]]",
        "{",
        "{\"name\": \"get_wea",
        "  {x}",
        R"({"tool_calls": [{"name": "unknown", "arguments": {}}]})"}) {
    EXPECT_EQ(generic(text), (Parsed{.text = text})) << text;
  }
}

TEST(JsonCallsTest, AWrappedCallThatIsCutOffHandsOverWhatCame) {
  EXPECT_EQ(
      generic(R"({"tool_calls": [{"name": "get_weather", "arguments": {"city": "Pa)"),
      (Parsed{.calls = {{"get_weather", R"({"city": "Pa)"}}}));
}

}  // namespace
}  // namespace hub::chat

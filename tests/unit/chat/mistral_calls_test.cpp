#include "core/chat/mistral_calls.h"

#include <string>

#include <gtest/gtest.h>

#include "tests/unit/chat/answers.h"

namespace hub::chat {
namespace {

Parsed mistral(const std::string& body) {
  return parse({.form = CallForm::kMistral, .tools = tools()}, "[TOOL_CALLS]" + body);
}
const Parsed kTwo{.calls = {{"noop", "{}"}, {"get_weather", R"({"city": "x"})"}}, .whole_calls = 2};

TEST(MistralCallsTest, AnArrayOfCalls) {
  EXPECT_EQ(
      mistral(
          R"( [{"name": "noop", "arguments": {}}, {"name": "get_weather", "arguments": {"city": "x"}, "id": "VvvODy9mT"}])"),
      kTwo);
}

TEST(MistralCallsTest, NamesBeforeArguments) {
  EXPECT_EQ(mistral(R"(noop[ARGS]{}[TOOL_CALLS]get_weather[ARGS]{"city": "x"})"), kTwo);
  EXPECT_EQ(mistral(R"(noop{}[TOOL_CALLS]get_weather {"city": "x"})"), kTwo);
}

TEST(MistralCallsTest, IdsAreKeptOrMade) {
  AnswerParser parser({.form = CallForm::kMistral, .tools = tools()});
  const auto pieces = parser.push("[TOOL_CALLS]noop[CALL_ID]abcdefghi[ARGS]{}[TOOL_CALLS]noop{}");
  ASSERT_EQ(pieces.size(), 6U);
  EXPECT_EQ(pieces[0].id, "abcdefghi");
  EXPECT_EQ(pieces[3].id.size(), 9U);
}

TEST(MistralCallsTest, WhatIsCutOffOrNoJsonIsHandedOverAsFarAsItCame) {
  EXPECT_EQ(
      mistral(R"(get_weather[ARGS]{"city": "Pa)"),
      (Parsed{.calls = {{"get_weather", R"({"city": "Pa)"}}}));
  EXPECT_EQ(
      mistral(R"(get_weather[ARGS]{city: "Pa"})"),
      (Parsed{.calls = {{"get_weather", R"({city: "Pa"})"}}}));
}

TEST(MistralCallsTest, WhatIsNoCallIsText) {
  for (const std::string body :
       {"noop[ARG]{}", "noop[ARGS]x", "(x)", "noop", "noop[CALL_ID][ARGS]{}", "[1]"}) {
    EXPECT_EQ(mistral(body), (Parsed{.text = "[TOOL_CALLS]" + body})) << body;
  }
}

}  // namespace
}  // namespace hub::chat

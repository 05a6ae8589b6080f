#include "core/chat/harmony_channels.h"

#include <string>

#include <gtest/gtest.h>

#include "core/chat/tool_grammar.h"
#include "tests/unit/chat/answers.h"

namespace hub::chat {
namespace {

AnswerShape shape() {
  return {.form = CallForm::kHarmony, .tools = tools(), .thinks = true};
}

// As in OpenAI's description of the format.
TEST(HarmonyChannelsTest, AnalysisIsReasoningAndFinalIsText) {
  EXPECT_EQ(
      parse(
          shape(),
          "<|channel|>analysis<|message|>User asks. 2+2 < "
          "5<|end|><|start|>assistant<|channel|>final"
          "<|message|>2 + 2 = 4.<|return|>"),
      (Parsed{.text = "2 + 2 = 4.", .reasoning = "User asks. 2+2 < 5"}));
}

TEST(HarmonyChannelsTest, AMessageToAFunctionIsACall) {
  EXPECT_EQ(
      parse(
          shape(),
          "<|channel|>analysis<|message|>Need it.<|end|><|start|>assistant<|channel|>commentary "
          "to=functions.get_weather <|constrain|>json<|message|>{\"city\":\"Köln\"}<|call|>"),
      (Parsed{
          .reasoning = "Need it.",
          .calls = {{"get_weather", "{\"city\":\"Köln\"}"}},
          .whole_calls = 1}));
  EXPECT_EQ(
      parse(shape(), " to=functions.noop<|channel|>commentary json<|message|>{}"),
      (Parsed{.calls = {{"noop", "{}"}}, .whole_calls = 1}));
  EXPECT_EQ(
      parse(shape(), " to=functions.noop<|channel|>commentary json<|message|>{\"a\": 1"),
      (Parsed{.calls = {{"noop", "{\"a\": 1"}}}));
}

TEST(HarmonyChannelsTest, WithoutToolsOrReasoningAllIsText) {
  EXPECT_EQ(
      parse(
          {.form = CallForm::kHarmony},
          "<|channel|>analysis<|message|>a<|end|><|start|>assistant to=functions.noop<|channel|>"
          "commentary<|message|>{}<|call|>"),
      (Parsed{.text = "a{}"}));
}

TEST(HarmonyChannelsTest, WhatHasNoHeaderIsText) {
  for (const std::string text : {"Paris.", "<b>", "<|chan", "", " to", "<|channel|>final"}) {
    EXPECT_EQ(parse(shape(), text), (Parsed{.text = text})) << text;
  }
}

TEST(HarmonyChannelsTest, AHeaderThatIsCutOffBehindAMessageIsDropped) {
  EXPECT_EQ(
      parse(shape(), "<|channel|>final<|message|>Yes<|end|><|start|>assist"),
      (Parsed{.text = "Yes"}));
}

TEST(HarmonyChannelsTest, ThePromptNamesTheOnlyToolThatMustBeCalled) {
  const CallGrammar one =
      required_calls(CallForm::kHarmony, {tools().front()}, true, Lead::kNothing);
  EXPECT_EQ(one.form, CallForm::kHarmony);
  AnswerShape opened = shape();
  opened.opened = one.prompt_end;
  EXPECT_EQ(
      parse(opened, "{\"city\": \"x\"}<|call|>"),
      (Parsed{.calls = {{"get_weather", "{\"city\": \"x\"}"}}, .whole_calls = 1}));
  const CallGrammar two = required_calls(CallForm::kHarmony, tools(), true, Lead::kNothing);
  EXPECT_EQ(two.form, CallForm::kGeneric);
  EXPECT_FALSE(two.shows_end);
}

}  // namespace
}  // namespace hub::chat

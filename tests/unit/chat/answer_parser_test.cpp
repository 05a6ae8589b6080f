#include "core/chat/answer_parser.h"

#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "tests/unit/chat/answers.h"

namespace hub::chat {
namespace {

AnswerShape shape(CallForm form) {
  return {.form = form, .tools = tools()};
}

AnswerShape thinking(bool opened = false) {
  return {.tools = {}, .thinks = true, .prompt_opens_think = opened};
}

TEST(AnswerParserTest, WithoutToolsOrReasoningTheTextIsLeftAsItIs) {
  const std::string text = " <tool_call>{\"name\": \"noop\"}</tool_call> <think>x</think> \n";
  EXPECT_EQ(parse({}, text), (Parsed{.text = text}));
}

TEST(AnswerParserTest, TextBeforeACallIsContentAndTheMarkIsWithheld) {
  EXPECT_EQ(
      parse(
          shape(CallForm::kHermes),
          "Let me look.\n<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": "
          "\"Köln\"}}\n</tool_call>"),
      (Parsed{
          .text = "Let me look.",
          .calls = {{"get_weather", "{\"city\": \"Köln\"}"}},
          .whole_calls = 1}));
}

TEST(AnswerParserTest, ArgumentsComeInPieces) {
  AnswerParser parser(shape(CallForm::kHermes));
  EXPECT_TRUE(parser.push("<tool_call>{\"name\": \"get_weather\", \"argu").empty());
  EXPECT_FALSE(parser.has_calls());
  const auto begins = parser.push("ments\": {\"ci");
  ASSERT_EQ(begins.size(), 2U);
  EXPECT_EQ(begins[0].kind, ChatPiece::Kind::kCallBegins);
  EXPECT_EQ(begins[0].name, "get_weather");
  EXPECT_EQ(begins[1], (ChatPiece{.kind = ChatPiece::Kind::kArguments, .text = "{\"ci"}));
  const auto goes_on = parser.push("ty\": \"P");
  ASSERT_EQ(goes_on.size(), 1U);
  EXPECT_EQ(goes_on[0].text, "ty\": \"P");
  EXPECT_TRUE(parser.has_calls());
}

TEST(AnswerParserTest, SeveralCallsHaveTheirOwnIndicesAndIds) {
  AnswerParser parser(shape(CallForm::kHermes));
  const std::string one = "<tool_call>{\"name\": \"noop\", \"arguments\": {}}</tool_call>\n";
  const auto pieces = parser.push(one + one);
  ASSERT_EQ(pieces.size(), 6U);
  EXPECT_EQ(pieces[0].call, 0U);
  EXPECT_EQ(pieces[3].call, 1U);
  EXPECT_EQ(pieces[3].kind, ChatPiece::Kind::kCallBegins);
  EXPECT_NE(pieces[0].id, pieces[3].id);
  EXPECT_TRUE(pieces[0].id.starts_with("call_"));
  EXPECT_FALSE(parser.enough());
}

TEST(AnswerParserTest, OneCallIsEnoughWhereNoMoreAreAllowed) {
  AnswerShape one = shape(CallForm::kHermes);
  one.parallel = false;
  const std::string call = "<tool_call>{\"name\": \"noop\", \"arguments\": {}}</tool_call>\n";
  EXPECT_EQ(
      parse(one, call + call + "text"), (Parsed{.calls = {{"noop", "{}"}}, .whole_calls = 1}));
  AnswerParser parser(one);
  parser.push(call);
  EXPECT_TRUE(parser.enough());
}

TEST(AnswerParserTest, TextBehindACallIsContent) {
  EXPECT_EQ(
      parse(
          shape(CallForm::kHermes),
          "<tool_call>{\"name\": \"noop\", \"arguments\": {}}</tool_call>\n\nDone.\n"),
      (Parsed{.text = "Done.", .calls = {{"noop", "{}"}}, .whole_calls = 1}));
}

TEST(AnswerParserTest, ACallThatIsCutOffHandsOverWhatCame) {
  EXPECT_EQ(
      parse(
          shape(CallForm::kHermes),
          "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Par"),
      (Parsed{.calls = {{"get_weather", "{\"city\": \"Par"}}}));
}

TEST(AnswerParserTest, WhatIsCutOffBeforeItsNameIsContent) {
  const std::string text = "Hm. <tool_call>\n{\"name\": \"get_wea";
  EXPECT_EQ(parse(shape(CallForm::kHermes), text), (Parsed{.text = text}));
}

TEST(AnswerParserTest, AMalformedCallIsContentAndWhatFollowsItIsStillRead) {
  EXPECT_EQ(
      parse(
          shape(CallForm::kHermes),
          "<tool_call>no JSON</tool_call> <tool_call>{\"name\": \"noop\", \"arguments\": "
          "{}}</tool_call>"),
      (Parsed{
          .text = "<tool_call>no JSON</tool_call>", .calls = {{"noop", "{}"}}, .whole_calls = 1}));
  EXPECT_EQ(
      parse(shape(CallForm::kHermes), "<tool_call><tool_call>{\"name\": \"noop\"}</tool_call>"),
      (Parsed{.text = "<tool_call>", .calls = {{"noop", "{}"}}, .whole_calls = 1}));
}

TEST(AnswerParserTest, PartsOfMarksAreText) {
  const std::string text = "a < b, <tool, <tool_cal> and <tool_ca";
  EXPECT_EQ(parse(shape(CallForm::kHermes), text), (Parsed{.text = text}));
}

TEST(AnswerParserTest, ReasoningIsTakenOut) {
  EXPECT_EQ(
      parse(thinking(), "<think>\nLet me see.\n\nYes.\n</think>\n\nParis.\n"),
      (Parsed{.text = "Paris.\n", .reasoning = "Let me see.\n\nYes."}));
  EXPECT_EQ(
      parse(thinking(true), "\nLet me see. </think> Paris."),
      (Parsed{.text = "Paris.", .reasoning = "Let me see."}));
  EXPECT_EQ(
      parse(thinking(), "Paris <think>.</think>"), (Parsed{.text = "Paris <think>.</think>"}));
  EXPECT_EQ(parse(thinking(), "  \n<think></think>"), Parsed{});
  EXPECT_EQ(parse(thinking(), "<thin"), (Parsed{.text = "<thin"}));
}

TEST(AnswerParserTest, ReasoningThatIsCutOffIsReasoning) {
  EXPECT_EQ(parse(thinking(), "<think>Let me </thi"), (Parsed{.reasoning = "Let me </thi"}));
}

TEST(AnswerParserTest, SaysWhileItThinks) {
  AnswerParser parser(thinking());
  EXPECT_FALSE(parser.in_reasoning());
  parser.push("<think>");
  EXPECT_TRUE(parser.in_reasoning());
  parser.push("x</think");
  EXPECT_TRUE(parser.in_reasoning());
  parser.push(">");
  EXPECT_FALSE(parser.in_reasoning());
}

TEST(AnswerParserTest, CallsComeBehindReasoning) {
  for (const CallForm form : {CallForm::kHermes, CallForm::kGeneric}) {
    AnswerShape both = shape(form);
    both.thinks = true;
    const std::string call = R"({"name": "noop", "arguments": {}})";
    const std::string answer =
        form == CallForm::kHermes ? "<tool_call>" + call + "</tool_call>" : call;
    EXPECT_EQ(
        parse(both, "<think>a {\"name\": \"noop\"} <tool_call></think>\n\n" + answer),
        (Parsed{
            .reasoning = "a {\"name\": \"noop\"} <tool_call>",
            .calls = {{"noop", "{}"}},
            .whole_calls = 1}));
  }
}

TEST(AnswerParserTest, ThePromptMayHaveOpenedTheCalls) {
  AnswerShape opened = shape(CallForm::kMistral);
  opened.prompt_opens_call = true;
  EXPECT_EQ(
      parse(opened, R"([{"name": "noop", "arguments": {"a": 1}}])"),
      (Parsed{.calls = {{"noop", "{\"a\": 1}"}}, .whole_calls = 1}));
}

TEST(AnswerParserTest, NamesTheMarksThatMayBeSpecialTokens) {
  EXPECT_TRUE(marks_of({}).empty());
  AnswerShape all = shape(CallForm::kMistral);
  all.thinks = true;
  EXPECT_EQ(
      marks_of(all),
      (std::vector<std::string_view>{
          "[TOOL_CALLS]", "[ARGS]", "[CALL_ID]", "<think>", "</think>"}));
}

}  // namespace
}  // namespace hub::chat

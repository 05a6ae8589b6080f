#include "core/chat/xml_calls.h"

#include <string>

#include <gtest/gtest.h>

#include "tests/unit/chat/answers.h"

namespace hub::chat {
namespace {

Parsed xml(const std::string& text) {
  return parse({.form = CallForm::kQwenXml, .tools = tools()}, text);
}

Parsed called(const std::string& arguments) {
  return {.calls = {{"get_weather", arguments}}, .whole_calls = 1};
}

std::string weather(const std::string& parameters) {
  return "<tool_call>\n<function=get_weather>\n" + parameters + "</function>\n</tool_call>";
}

std::string parameter(const std::string& key, const std::string& value) {
  return "<parameter=" + key + ">\n" + value + "\n</parameter>\n";
}

TEST(XmlCallsTest, ValuesBecomeWhatTheSchemaWants) {
  EXPECT_EQ(
      xml(weather(
          parameter("city", "Köln \"am\" Rhein") + parameter("days", "3") +
          parameter("exact", "True") + parameter("where", "{\"a\": [1]}"))),
      called(R"({"city": "Köln \"am\" Rhein", "days": 3, "exact": true, "where": {"a":[1]}})"));
  EXPECT_EQ(xml(weather(parameter("days", "3.0"))), called(R"({"days": 3})"));
  EXPECT_EQ(xml(weather(parameter("days", "some"))), called(R"({"days": "some"})"));
  EXPECT_EQ(xml(weather(parameter("unknown", "3"))), called(R"({"unknown": "3"})"));
  EXPECT_EQ(xml(weather("")), called("{}"));
}

TEST(XmlCallsTest, OneLineBreakAtEachEndOfAValueIsLayout) {
  EXPECT_EQ(xml(weather(parameter("city", "\na\n\nb\n"))), called(R"({"city": "\na\n\nb\n"})"));
  EXPECT_EQ(xml(weather("<parameter=city></parameter>")), called(R"({"city": ""})"));
  EXPECT_EQ(xml(weather("<parameter=city>\n</parameter>")), called(R"({"city": ""})"));
  EXPECT_EQ(xml(weather(parameter("city", ""))), called(R"({"city": ""})"));
  EXPECT_EQ(xml(weather("<parameter=city>x</parameter>")), called(R"({"city": "x"})"));
}

TEST(XmlCallsTest, NullIsNoText) {
  EXPECT_EQ(xml(weather(parameter("city", "null"))), called(R"({"city": null})"));
  EXPECT_EQ(xml(weather(parameter("city", "Null"))), called(R"({"city": null})"));
  EXPECT_EQ(xml(weather(parameter("city", "nullable"))), called(R"({"city": "nullable"})"));
  EXPECT_EQ(xml(weather(parameter("city", "null\nx"))), called(R"({"city": "null\nx"})"));
  EXPECT_EQ(xml(weather(parameter("city", "null<x"))), called(R"({"city": "null<x"})"));
}

// Looked at as a whole for each byte, 4 MiB would take hours.
TEST(XmlCallsTest, ALargeValueIsReadOnce) {
  const std::string large(std::size_t{4} << 20U, 'x');
  AnswerParser parser({.form = CallForm::kQwenXml, .tools = tools()});
  ChatAnswer answer;
  for (const ChatPiece& piece : parser.push(weather(parameter("where", "[\"" + large + "\"]")))) {
    answer.add(piece);
  }
  ASSERT_EQ(answer.calls.size(), 1U);
  EXPECT_EQ(answer.calls[0].arguments, R"({"where": [")" + large + R"("]})");
}

TEST(XmlCallsTest, TextMayHoldTagsAndMarks) {
  const std::string text = "<b>x</b> </param </parameter <function=f> 😀";
  EXPECT_EQ(xml(weather(parameter("city", text))), called("{\"city\": \"" + text + "\"}"));
}

TEST(XmlCallsTest, TextComesAsItIsWritten) {
  AnswerParser parser({.form = CallForm::kQwenXml, .tools = tools()});
  parser.push("<tool_call>\n<function=get_weather>\n<parameter=city>\n");
  const auto pieces = parser.push("San Fran");
  ASSERT_EQ(pieces.size(), 1U);
  EXPECT_EQ(pieces[0].text, "\"San Fran");
}

TEST(XmlCallsTest, TheOuterMarkMayBeMissing) {
  EXPECT_EQ(
      xml("Sure.\n<function=get_weather>" + parameter("city", "x") + "</function>"),
      (Parsed{.text = "Sure.", .calls = {{"get_weather", R"({"city": "x"})"}}, .whole_calls = 1}));
}

TEST(XmlCallsTest, SeveralCalls) {
  const Parsed two{.calls = {{"noop", "{}"}, {"noop", "{}"}}, .whole_calls = 2};
  EXPECT_EQ(
      xml("<tool_call><function=noop></function><function=noop>\n</function></tool_call>"), two);
  const std::string one = "<tool_call>\n<function=noop>\n</function>\n</tool_call>\n";
  EXPECT_EQ(xml(one + one), two);
}

TEST(XmlCallsTest, WhatIsCutOffIsHandedOverAsFarAsItCame) {
  const std::string begin = "<tool_call>\n<function=get_weather>\n";
  EXPECT_EQ(
      xml(begin + "<parameter=city>\nPar"),
      (Parsed{.calls = {{"get_weather", R"({"city": "Par)"}}}));
  EXPECT_EQ(
      xml(begin + "<parameter=days>\n12"), (Parsed{.calls = {{"get_weather", R"({"days": 12)"}}}));
  EXPECT_EQ(xml(begin), (Parsed{.calls = {{"get_weather", "{"}}}));
}

TEST(XmlCallsTest, WhatLacksANameIsText) {
  for (const std::string text :
       {"<tool_call>\n{\"name\": \"noop\"}</tool_call>",
        "<tool_call><function=></function>",
        "<function=a b>x",
        "<tool_call>\n<function=noo"}) {
    EXPECT_EQ(xml(text), (Parsed{.text = text})) << text;
  }
}

TEST(XmlCallsTest, KindsOfSchemas) {
  const auto kinds = value_kinds(tool(
      "t",
      {{"properties",
        {{"a", {{"anyOf", {{{"type", "integer"}}, {{"type", "null"}}}}}},
         {"b", {{"anyOf", {{{"type", "string"}}, {{"type", "integer"}}}}}},
         {"c", {{"type", {"null", "string"}}}},
         {"d", {{"description", "any"}}},
         {"g", base::Json::object()},
         {"e", {{"type", {"integer", "boolean"}}}},
         {"f", true}}}}));
  EXPECT_EQ(kinds.at("a"), ValueKind::kInteger);
  EXPECT_EQ(kinds.at("b"), ValueKind::kString);
  EXPECT_EQ(kinds.at("c"), ValueKind::kString);
  EXPECT_EQ(kinds.at("d"), ValueKind::kUnknown);
  EXPECT_EQ(kinds.at("g"), ValueKind::kString);
  EXPECT_EQ(kinds.at("e"), ValueKind::kJson);
  EXPECT_EQ(kinds.at("f"), ValueKind::kUnknown);
  EXPECT_EQ(json_value("[1]", ValueKind::kUnknown), "[1]");
  EXPECT_EQ(json_value("1", ValueKind::kUnknown), "\"1\"");
  EXPECT_EQ(json_value("False", ValueKind::kJson), "false");
  EXPECT_EQ(json_value("nope", ValueKind::kBoolean), "false");
  EXPECT_EQ(json_value("1e300", ValueKind::kInteger), "1e+300");
}

}  // namespace
}  // namespace hub::chat

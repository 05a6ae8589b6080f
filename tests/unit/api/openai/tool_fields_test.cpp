#include "api/openai/tool_fields.h"

#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"

namespace hub::api {
namespace {

using base::Json;
using base::JsonReader;
using chat::ToolChoice;

constexpr const char* kTools =
    R"("tools":[{"type":"function","function":{"name":"a","description":"A","strict":true,
        "parameters":{"type":"object","properties":{}}}},
       {"type":"function","function":{"name":"b.c-d_1"}}])";

ToolChoice choice(const std::string& fields) {
  const Json body = Json::parse(std::string("{") + kTools + "," + fields + "}");
  const JsonReader reader(body);
  return read_tool_choice(reader, read_tools(reader));
}

// The path that a body is refused for; "" when it is taken.
std::string refused(const std::string& text) {
  const Json body = Json::parse(text);
  try {
    const JsonReader reader(body);
    static_cast<void>(read_tool_choice(reader, read_tools(reader)));
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::ErrorCode::kInvalidArgument);
    return error.param();
  }
  return {};
}
std::string refused_tool(const std::string& function) {
  return refused(R"({"tools":[{"type":"function","function":)" + function + "}]}");
}
std::string refused_choice(const std::string& value) {
  return refused(std::string("{") + kTools + R"(,"tool_choice":)" + value + "}");
}

TEST(ToolFields, Tools) {
  const Json body = Json::parse(std::string("{") + kTools + "}");
  const auto tools = read_tools(JsonReader(body));
  ASSERT_EQ(tools.size(), 2U);
  EXPECT_EQ(tools[0].name, "a");
  EXPECT_EQ(tools[0].description, "A");
  EXPECT_TRUE(tools[0].strict);
  EXPECT_EQ(*tools[0].parameters, Json::parse(R"({"type":"object","properties":{}})"));
  EXPECT_EQ(tools[1].name, "b.c-d_1");
  EXPECT_EQ(tools[1].description, std::nullopt);
  EXPECT_FALSE(tools[1].strict);
  EXPECT_EQ(tools[1].parameters, nullptr);
  EXPECT_EQ(refused(R"({"tools":[],"tool_choice":"auto"})"), "");
  EXPECT_EQ(refused(R"({"tools":null,"tool_choice":null,"parallel_tool_calls":null})"), "");
}

TEST(ToolFields, WrongToolsAreNamedByPath) {
  EXPECT_EQ(refused(R"({"tools":{}})"), "tools");
  EXPECT_EQ(refused(R"({"tools":[1]})"), "tools[0]");
  EXPECT_EQ(refused(R"({"tools":[{"type":"function"}]})"), "tools[0].function");
  EXPECT_EQ(refused(R"({"tools":[{"type":"web_search"}]})"), "tools[0].type");
  EXPECT_EQ(refused_tool("{}"), "tools[0].function.name");
  EXPECT_EQ(refused_tool(R"({"name":""})"), "tools[0].function.name");
  EXPECT_EQ(refused_tool(R"({"name":"a b"})"), "tools[0].function.name");
  EXPECT_EQ(refused_tool(R"({"name":")" + std::string(129, 'a') + "\"}"), "tools[0].function.name");
  EXPECT_EQ(refused_tool(R"({"name":"a","description":1})"), "tools[0].function.description");
  EXPECT_EQ(refused_tool(R"({"name":"a","strict":"x"})"), "tools[0].function.strict");
  EXPECT_EQ(refused_tool(R"({"name":"a","parameters":[]})"), "tools[0].function.parameters");
  EXPECT_EQ(
      refused_tool(R"({"name":"a","parameters":{"type":"array"}})"),
      "tools[0].function.parameters.type");
  EXPECT_EQ(
      refused_tool(R"({"name":"a","parameters":{"properties":[{"type":"string"}]}})"),
      "tools[0].function.parameters.properties");
  EXPECT_EQ(refused_tool(R"({"name":"a","parameters":{"properties":null}})"), "");
  EXPECT_EQ(
      refused(R"({"tools":[{"function":{"name":"a"}},{"function":{"name":"a"}}]})"),
      "tools[1].function.name");
  std::string deep = "1";
  for (int i = 0; i < 101; ++i) {
    deep = R"({"a":)" + deep + "}";
  }
  EXPECT_EQ(
      refused_tool(R"({"name":"a","parameters":)" + deep + "}"), "tools[0].function.parameters");
  Json many = {{"tools", Json::array()}};
  for (int i = 0; i < 513; ++i) {
    many["tools"].push_back({{"function", {{"name", "t" + std::to_string(i)}}}});
  }
  EXPECT_EQ(refused(many.dump()), "tools");
}

TEST(ToolFields, Choices) {
  EXPECT_EQ(choice(R"("x":1)").kind, ToolChoice::Kind::kAuto);
  EXPECT_TRUE(choice(R"("x":1)").parallel);
  EXPECT_FALSE(choice(R"("parallel_tool_calls":false)").parallel);
  EXPECT_EQ(choice(R"("tool_choice":"none")").kind, ToolChoice::Kind::kNone);
  EXPECT_EQ(choice(R"("tool_choice":"required")").kind, ToolChoice::Kind::kRequired);
  const ToolChoice named = choice(R"("tool_choice":{"type":"function","function":{"name":"a"}})");
  EXPECT_EQ(named.kind, ToolChoice::Kind::kRequired);
  EXPECT_EQ(named.names, std::vector<std::string>{"a"});
  const ToolChoice allowed = choice(
      R"("tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"auto",
          "tools":[{"type":"function","function":{"name":"b.c-d_1"}}]}})");
  EXPECT_EQ(allowed.kind, ToolChoice::Kind::kAuto);
  EXPECT_EQ(allowed.names, std::vector<std::string>{"b.c-d_1"});
}

TEST(ToolFields, WrongChoicesAreNamedByPath) {
  EXPECT_EQ(refused_choice("\"any\""), "tool_choice");
  EXPECT_EQ(refused_choice("1"), "tool_choice");
  EXPECT_EQ(refused_choice(R"({"type":"custom"})"), "tool_choice.type");
  EXPECT_EQ(refused_choice(R"({"type":"function"})"), "tool_choice.function");
  EXPECT_EQ(
      refused_choice(R"({"type":"function","function":{"name":"x"}})"),
      "tool_choice.function.name");
  EXPECT_EQ(
      refused_choice(R"({"type":"allowed_tools","allowed_tools":{"mode":"some","tools":[]}})"),
      "tool_choice.allowed_tools.mode");
  EXPECT_EQ(
      refused_choice(R"({"type":"allowed_tools","allowed_tools":{"mode":"auto","tools":[]}})"),
      "tool_choice.allowed_tools.tools");
  EXPECT_EQ(refused(R"({"tool_choice":"required"})"), "tool_choice");
  EXPECT_EQ(refused(R"({"parallel_tool_calls":"no"})"), "parallel_tool_calls");
}

}  // namespace
}  // namespace hub::api

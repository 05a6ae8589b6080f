#include "api/anthropic/messages_request.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"

namespace hub::api {
namespace {

using base::Json;

Json body(Json messages) {
  return {{"model", "m"}, {"max_tokens", 7}, {"messages", std::move(messages)}};
}

Json user(Json content) {
  return Json::array({{{"role", "user"}, {"content", std::move(content)}}});
}

base::Error refusal(const Json& json) {
  try {
    static_cast<void>(messages_request(json));
  } catch (const base::Error& error) {
    return error;
  }
  ADD_FAILURE() << "accepted: " << json.dump();
  return base::Error(base::ErrorCode::kInternal, "accepted");
}

void expect_refused(const Json& json, const std::string& param, const std::string& reason = "") {
  const base::Error error = refusal(json);
  EXPECT_EQ(error.code(), base::ErrorCode::kInvalidArgument) << error.what();
  EXPECT_EQ(error.param(), param) << error.what();
  EXPECT_EQ(error.reason(), reason) << error.what();
}

TEST(MessagesRequest, ReadsEveryField) {
  Json json = body(user("Hi"));
  json.update(
      {{"system", "Be brief."},
       {"temperature", 0.5},
       {"top_p", 0.9},
       {"top_k", 5},
       {"stop_sequences", {"END", "STOP"}},
       {"stream", true},
       {"metadata", {{"user_id", "u"}}},
       {"keep_alive", "5m"},
       {"service_tier", "auto"}});
  const ChatRequest chat = messages_request(json);
  EXPECT_EQ(chat.options.model, "m");
  EXPECT_EQ(chat.options.max_tokens, 7);
  EXPECT_FLOAT_EQ(chat.options.sampling.temperature, 0.5F);
  EXPECT_FLOAT_EQ(chat.options.sampling.top_p, 0.9F);
  EXPECT_EQ(chat.options.sampling.top_k, 5);
  EXPECT_EQ(chat.options.stop, (std::vector<std::string>{"END", "STOP"}));
  EXPECT_TRUE(chat.options.stream);
  EXPECT_EQ(chat.options.keep_alive_seconds, 300.0);
  ASSERT_EQ(chat.messages.size(), 2U);
  EXPECT_EQ(chat.messages[0].role, "system");
  EXPECT_EQ(chat.messages[0].content, "Be brief.");
  EXPECT_EQ(chat.messages[1].role, "user");
  EXPECT_EQ(chat.messages[1].content, "Hi");
}

TEST(MessagesRequest, JoinsBlocks) {
  Json json = body(
      {{{"role", "user"},
        {"content", {{{"type", "text"}, {"text", "a"}}, {{"type", "text"}, {"text", "b"}}}}},
       {{"role", "assistant"}, {"content", {{{"type", "text"}, {"text", "c"}}}}},
       {{"role", "user"}, {"content", "d"}}});
  json["system"] = {
      {{"type", "text"}, {"text", "x-anthropic-billing-header: cc_version=1"}},
      {{"type", "text"}, {"text", "One."}, {"cache_control", {{"type", "ephemeral"}}}},
      {{"type", "text"}, {"text", "Two."}}};
  const ChatRequest chat = messages_request(json);
  ASSERT_EQ(chat.messages.size(), 4U);
  EXPECT_EQ(chat.messages[0].content, "One.\nTwo.");
  EXPECT_EQ(chat.messages[1].content, "ab");
  EXPECT_EQ(chat.messages[2].role, "assistant");
  EXPECT_EQ(chat.messages[2].content, "c");
}

TEST(MessagesRequest, HoldsAnswersToASchema) {
  for (const char* field : {"output_format", "output_config"}) {
    Json json = body(user("Hi"));
    const Json format = {{"type", "json_schema"}, {"schema", {{"type", "object"}}}};
    json[field] = std::string_view(field) == "output_format" ? format : Json{{"format", format}};
    const auto grammar = messages_request(json).options.grammar;
    ASSERT_TRUE(grammar) << field;
    EXPECT_EQ(grammar->kind, text::GrammarSpec::Kind::kJsonSchema);
    EXPECT_EQ(grammar->text, R"({"type":"object"})");
  }
  Json other = body(user("Hi"));
  other["output_config"] = {{"format", {{"type", "yaml"}}}};
  expect_refused(other, "output_config.format.type");
}

TEST(MessagesRequest, TellsTheTemplateToThink) {
  for (const auto& [type, wanted] :
       {std::pair{"enabled", true}, {"adaptive", true}, {"disabled", false}}) {
    Json json = body(user("Hi"));
    json["thinking"] = {{"type", type}, {"budget_tokens", 1024}};
    EXPECT_EQ(messages_request(json).template_kwargs->at("enable_thinking"), wanted) << type;
  }
  EXPECT_EQ(messages_request(body(user("Hi"))).template_kwargs, nullptr);
  Json wrong = body(user("Hi"));
  wrong["thinking"] = {{"type", "maybe"}};
  expect_refused(wrong, "thinking.type");
}

TEST(MessagesRequest, NeedsALimitUnlessItOnlyCounts) {
  Json json = body(user("Hi"));
  json.erase("max_tokens");
  expect_refused(json, "max_tokens");
  EXPECT_EQ(count_tokens_request(json).messages.size(), 1U);
}

TEST(MessagesRequest, RefusesWhatAModelCannotRead) {
  const Json image = {{"type", "image"}, {"source", {{"type", "base64"}, {"data", ""}}}};
  const base::Error error =
      refusal(body(user(Json::array({{{"type", "text"}, {"text", "See"}}, image}))));
  EXPECT_EQ(error.param(), "messages[0].content[1].type");
  EXPECT_EQ(error.reason(), "unsupported_parameter");
  EXPECT_NE(std::string(error.what()).find("\"m\" reads text only"), std::string::npos)
      << error.what();
  expect_refused(
      body(user(Json::array({{{"type", "document"}}}))),
      "messages[0].content[0].type",
      "unsupported_parameter");
  expect_refused(
      body(user(Json::array({{{"type", "server_tool_use"}}}))),
      "messages[0].content[0].type",
      "unsupported_parameter");
}

TEST(MessagesRequest, RefusesAnAnswerThatHasBegun) {
  expect_refused(
      body({{{"role", "user"}, {"content", "Hi"}}, {{"role", "assistant"}, {"content", "Well"}}}),
      "messages[1]",
      "unsupported_parameter");
}

TEST(MessagesRequest, NamesTheFieldThatTheClientSent) {
  Json json = body(user("Hi"));
  json["stop_sequences"] = Json::array();
  for (int i = 0; i < 17; ++i) {
    json["stop_sequences"].push_back("x");
  }
  expect_refused(json, "stop_sequences");
  json = body(user("Hi"));
  json["temperature"] = 3;
  expect_refused(json, "temperature");
  json["temperature"] = 1;
  json["max_tokens"] = 0;
  expect_refused(json, "max_tokens");
  expect_refused(body(Json::array()), "messages");
  expect_refused(body({{{"role", "tool"}, {"content", "x"}}}), "messages[0].role");
  expect_refused(body(user(7)), "messages[0].content");
  expect_refused(body(user(Json::array({{{"type", "text"}}}))), "messages[0].content[0].text");
  json = body(user("Hi"));
  json["system"] = 7;
  expect_refused(json, "system");
  json = body(user("Hi"));
  json["mcp_servers"] = {{{"name", "x"}}};
  expect_refused(json, "mcp_servers", "unsupported_parameter");
  json = body(user("Hi"));
  json["tools"] = {{{"type", "web_search_20250305"}, {"name", "web_search"}}};
  expect_refused(json, "tools[0].type", "unsupported_parameter");
  json["tools"] = {{{"name", "f"}}};
  expect_refused(json, "tools[0].input_schema");
  json["tools"] = {{{"name", "f"}, {"input_schema", Json::object()}}};
  json["tool_choice"] = {{"type", "some"}};
  expect_refused(json, "tool_choice.type");
  json["tool_choice"] = {{"type", "tool"}, {"name", "g"}};
  expect_refused(json, "tool_choice.name");
  json["tools"] = {{{"name", "a b"}, {"input_schema", Json::object()}}};
  expect_refused(json, "tools[0].name");
  json["tools"] = {{{"name", "f"}, {"input_schema", {{"type", "array"}}}}};
  expect_refused(json, "tools[0].input_schema.type");
  EXPECT_NE(
      std::string(refusal(json).what()).find("'tools[0].input_schema.type'"), std::string::npos);
  json.erase("tools");
  json["tool_choice"] = {{"type", "any"}};
  expect_refused(json, "tool_choice");
  json["tool_choice"] = {{"type", "auto"}};
  EXPECT_TRUE(messages_request(json).tools.empty());
  json.erase("tool_choice");
  json["system"] = Json::array({{{"type", "image"}}});
  expect_refused(json, "system[0].type", "unsupported_parameter");
  EXPECT_NE(std::string(refusal(json).what()).find("the model \"m\""), std::string::npos);
}

}  // namespace
}  // namespace hub::api

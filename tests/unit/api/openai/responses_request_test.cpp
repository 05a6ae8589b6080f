#include "api/openai/responses_request.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "api/openai/responses_items.h"
#include "core/base/error.h"
#include "core/base/json_reader.h"

namespace hub::api {
namespace {

using base::Error;
using base::Json;

Json body(const std::string& members) {
  return Json::parse(R"({"model":"m","input":"Hi")" + (members.empty() ? "" : "," + members) + "}");
}

ResponsesRequest parse(const std::string& members) {
  return ResponsesRequest::from_json(body(members));
}

std::string refused(const std::string& members) {
  try {
    static_cast<void>(parse(members));
  } catch (const Error& error) {
    return error.param() + (error.reason().empty() ? "" : " " + error.reason());
  }
  return "(accepted)";
}

std::string refused_input(const std::string& input) {
  return refused(R"("input":)" + input);
}

Json items(const std::string& input) {
  const Json json = {{"input", Json::parse(input)}};
  return input_items(base::JsonReader(json));
}

TEST(ResponsesRequest, ATextIsAUsersMessage) {
  const ResponsesRequest request = parse("");
  ASSERT_EQ(request.chat.messages.size(), 1U);
  EXPECT_EQ(request.chat.messages[0].role, "user");
  EXPECT_EQ(request.chat.messages[0].content, "Hi");
  EXPECT_TRUE(request.store);
  EXPECT_EQ(request.previous_response_id, "");
  const Json& item = request.items->at(0);
  EXPECT_EQ(item["type"], "message");
  EXPECT_EQ(item["content"], Json::parse(R"([{"type":"input_text","text":"Hi"}])"));
  EXPECT_TRUE(item["id"].get<std::string>().starts_with("msg_"));
}

TEST(ResponsesRequest, SettingsAreTheChatRoutesUnderTheirOwnNames) {
  const ResponsesRequest request = parse(
      R"("instructions":"Be brief","max_output_tokens":7,"temperature":0.5,"top_p":0.25,"seed":3,
         "truncation":"auto","stream":true,"store":false,"n":4,"max_tokens":null,
         "include":["message.output_text.logprobs"],"top_logprobs":2,
         "text":{"format":{"type":"json_schema","name":"x","schema":{"type":"object"}}})");
  const GenerationOptions& options = request.chat.options;
  EXPECT_EQ(options.max_tokens, 7);
  EXPECT_FLOAT_EQ(options.sampling.temperature, 0.5F);
  EXPECT_FLOAT_EQ(options.sampling.top_p, 0.25F);
  EXPECT_EQ(options.sampling.seed, 3U);
  EXPECT_TRUE(options.truncates);
  EXPECT_TRUE(options.stream);
  EXPECT_TRUE(options.logprobs);
  EXPECT_EQ(options.sampling.top_logprobs, 2);
  EXPECT_EQ(options.n, 1);
  ASSERT_TRUE(options.grammar);
  EXPECT_EQ(options.grammar->kind, text::GrammarSpec::Kind::kJsonSchema);
  EXPECT_FALSE(request.store);
  EXPECT_EQ(request.chat.messages[0].role, "system");
  EXPECT_EQ(request.chat.messages[0].content, "Be brief");
  EXPECT_EQ(request.repeated->at("max_output_tokens"), 7);
  EXPECT_EQ(request.repeated->at("store"), false);
  EXPECT_EQ(request.repeated->at("text")["format"]["name"], "x");
  EXPECT_EQ(parse("").repeated->at("text"), Json::parse(R"({"format":{"type":"text"}})"));
}

TEST(ResponsesRequest, AConversationsItemsBecomeItsMessages) {
  const Json messages = chat_messages(
      items(R"([
        {"role":"user","content":[{"type":"input_text","text":"What is "},{"type":"input_text","text":"1+1?"}]},
        {"type":"reasoning","id":"rs_1","summary":[],"content":[{"type":"reasoning_text","text":"Add."}]},
        {"type":"message","role":"assistant","content":[{"type":"output_text","text":"I compute."}]},
        {"type":"function_call","call_id":"c1","name":"add","arguments":"{\"a\":1}"},
        {"type":"function_call","call_id":"c2","name":"add","arguments":"{}"},
        {"type":"function_call_output","call_id":"c1","output":"2"},
        {"type":"function_call_output","call_id":"c2","output":[{"type":"input_text","text":"3"}]},
        {"role":"developer","content":"Be brief"}])"),
      "");
  EXPECT_EQ(
      messages.dump(),
      R"([{"role":"user","content":"What is 1+1?"},)"
      R"({"role":"assistant","content":"I compute.","reasoning_content":"Add.","tool_calls":[)"
      R"({"id":"c1","type":"function","function":{"name":"add","arguments":"{\"a\":1}"}},)"
      R"({"id":"c2","type":"function","function":{"name":"add","arguments":"{}"}}]},)"
      R"({"role":"tool","tool_call_id":"c1","content":"2"},)"
      R"({"role":"tool","tool_call_id":"c2","content":"3"},)"
      R"({"role":"developer","content":"Be brief"}])");
}

TEST(ResponsesRequest, ItemsKeepTheirIdsAndWhatIsReadAgainStaysTheSame) {
  const Json once = items(
      R"([{"id":"msg_7","role":"assistant","content":[{"type":"output_text","text":"a"}]},
          {"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"x"},
          {"type":"function_call","call_id":"c","name":"f","arguments":"{}"}])");
  EXPECT_EQ(once[0]["id"], "msg_7");
  EXPECT_EQ(items(once.dump()), once);
  EXPECT_EQ(chat_messages(once, "").size(), 1U) << "reasoning that nobody can read says nothing";
}

TEST(ResponsesRequest, WhatIsNotSupportedIsRefusedByName) {
  EXPECT_EQ(refused(R"("background":true)"), "background unsupported_parameter");
  EXPECT_EQ(refused(R"("conversation":"conv_1")"), "conversation unsupported_parameter");
  EXPECT_EQ(refused(R"("prompt":{"id":"p"})"), "prompt unsupported_parameter");
  EXPECT_EQ(refused(R"("tools":[{"type":"web_search"}])"), "tools[0].type unsupported_parameter");
  EXPECT_EQ(
      refused_input(R"([{"role":"user","content":[{"type":"input_image","image_url":"x"}]}])"),
      "input[0].content[0] unsupported_content");
  EXPECT_EQ(
      refused_input(R"([{"type":"item_reference","id":"msg_1"}])"),
      "input[0].type unsupported_parameter");
  EXPECT_EQ(
      refused_input(R"([{"type":"web_search_call","id":"ws_1"}])"),
      "input[0].type unsupported_parameter");
  EXPECT_EQ(refused(R"("background":false,"conversation":null,"tools":[])"), "(accepted)");
  EXPECT_EQ(refused(R"("tool_choice":"required")"), "tool_choice");
  EXPECT_EQ(
      refused(R"("tools":[],"tool_choice":{"type":"function","name":"a"})"), "tool_choice.name");
  EXPECT_EQ(refused(R"("tool_choice":"auto")"), "(accepted)");
}

TEST(ResponsesRequest, ErrorsNameTheFieldAsItWasSent) {
  EXPECT_EQ(refused_input("[]"), "input");
  EXPECT_EQ(refused_input("7"), "input");
  EXPECT_EQ(refused_input(R"([{"role":"robot","content":"x"}])"), "input[0].role");
  EXPECT_EQ(refused_input(R"([{"role":"user"}])"), "input[0].content");
  EXPECT_EQ(refused_input(R"([{"role":"user","content":[7]}])"), "input[0].content[0]");
  EXPECT_EQ(
      refused_input(R"([{"role":"user","content":"x"},{"type":"function_call","name":"f"}])"),
      "input[1].call_id");
  EXPECT_EQ(refused(R"("max_output_tokens":0)"), "max_output_tokens");
  EXPECT_EQ(refused(R"("temperature":3)"), "temperature");
  EXPECT_EQ(refused(R"("truncation":"some")"), "truncation");
  EXPECT_EQ(refused(R"("text":{"format":{"type":"xml"}})"), "text.format.type");
  EXPECT_EQ(refused(R"("text":{"format":{"type":"json_schema"}})"), "text.format.schema");
  EXPECT_EQ(
      refused(R"("text":{"format":{"type":"json_schema","schema":7}})"), "text.format.schema");
  EXPECT_EQ(refused(R"("metadata":{"a":7})"), "metadata.a");
  EXPECT_EQ(refused(R"("metadata":{"a":")" + std::string(513, 'x') + R"("})"), "metadata");
  EXPECT_EQ(refused(R"("top_logprobs":21)"), "top_logprobs");
  EXPECT_EQ(refused(R"("store":"no")"), "store");
}

TEST(ResponsesRequest, ToolsAreTheChatRoutes) {
  const ResponsesRequest request = parse(
      R"("tools":[{"type":"function","name":"add","description":"Adds","strict":true,
                   "parameters":{"type":"object"}}],
         "tool_choice":{"type":"function","name":"add"},"parallel_tool_calls":false)");
  ASSERT_EQ(request.chat.tools.size(), 1U);
  EXPECT_EQ(request.chat.tools[0].name, "add");
  EXPECT_TRUE(request.chat.tools[0].strict);
  EXPECT_EQ(request.chat.tool_choice.kind, chat::ToolChoice::Kind::kRequired);
  EXPECT_EQ(request.chat.tool_choice.names, std::vector<std::string>{"add"});
  EXPECT_FALSE(request.chat.tool_choice.parallel);
  EXPECT_EQ(request.repeated->at("tools")[0]["name"], "add");
  EXPECT_EQ(refused(R"("tools":[{"type":"function"}])"), "tools[0].name");
  EXPECT_EQ(refused(R"("tools":[{"type":"function","name":"a b"}])"), "tools[0].name");
  EXPECT_EQ(
      refused(R"("tools":[{"type":"function","name":"a","parameters":{"type":"array"}}])"),
      "tools[0].parameters.type");
  const std::string with_tool = R"("tools":[{"type":"function","name":"a"}],"tool_choice":)";
  EXPECT_EQ(refused(with_tool + R"({"type":"function","name":"b"})"), "tool_choice.name");
  EXPECT_EQ(
      refused(
          with_tool +
          R"({"type":"allowed_tools","mode":"auto","tools":[{"type":"function","name":"b"}]})"),
      "tool_choice.tools[0].name");
  EXPECT_EQ(
      refused(with_tool + R"({"type":"allowed_tools","mode":"x","tools":[]})"), "tool_choice.mode");
  EXPECT_EQ(
      refused(R"("tools":[{"type":"function","name":"a"}],"tool_choice":{"type":"mcp"})"),
      "tool_choice.type unsupported_parameter");
}

}  // namespace
}  // namespace hub::api

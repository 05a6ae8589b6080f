#include "api/worker/chat_handler.h"

#include <string>

#include "api/worker/anthropic_handler.h"
#include "api/worker/ollama_handler.h"
#include "api/worker/responses_handler.h"
#include "core/text/grammar.h"
#include "tests/unit/api/worker/generation_test.h"
#include "tests/unit/text/golden.h"

namespace hub::api {
namespace {

class ChatHandlerTest : public GenerationTest {
 protected:
  static Json tool(const std::string& name, const Json& parameters) {
    return {{"type", "function"}, {"function", {{"name", name}, {"parameters", parameters}}}};
  }
  static Json weather() {
    return tool(
        "get_weather",
        {{"type", "object"},
         {"properties",
          {{"city", {{"type", "string"}, {"maxLength", 12}}},
           {"days", {{"type", "integer"}, {"minimum", 1}, {"maximum", 7}}}}},
         {"required", {"city", "days"}},
         {"additionalProperties", false}});
  }
  static Json required(int max_tokens) {
    Json body = chat_body(max_tokens);
    body["tools"] = {weather()};
    body["tool_choice"] = "required";
    body["parallel_tool_calls"] = false;
    return body;
  }
  // Makes the model's template end with `end`.
  void end_prompts_with(const std::string& end) {
    const text::TempFolder folder;
    folder.write(
        "chat_template.jinja",
        "{% for m in messages %}{{ '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>\\n' }}"
        "{% endfor %}{{ '<|im_start|>assistant\\n" +
            end + "' }}");
    model_.chat_template = text::ChatTemplate::load(folder.path());
    model_.style = chat::style_of(*model_.chat_template);
  }
};

TEST_F(ChatHandlerTest, ARequiredCallHasArgumentsThatFit) {
  const Json answer = json_of(handle_chat(model_, post(required(120))));
  const Json& choice = answer["choices"][0];
  EXPECT_EQ(choice["finish_reason"], "tool_calls");
  EXPECT_TRUE(choice["message"]["content"].is_null());
  ASSERT_EQ(choice["message"]["tool_calls"].size(), 1U);
  const Json& call = choice["message"]["tool_calls"][0];
  EXPECT_EQ(call["function"]["name"], "get_weather");
  const Json arguments = Json::parse(call["function"]["arguments"].get<std::string>());
  EXPECT_TRUE(arguments["city"].is_string());
  EXPECT_TRUE(arguments["days"].is_number_integer());
}

TEST_F(ChatHandlerTest, AStreamHasTheSameCallInPieces) {
  const Json whole = json_of(handle_chat(model_, post(required(120))));
  Json body = required(120);
  body["stream"] = true;
  const Request request = post(body);
  const Response response = handle_chat(model_, request);
  SseClient client;
  response.stream(client);
  std::string arguments;
  std::string finish;
  int calls = 0;
  for (const std::string& event : client.events()) {
    if (event == "[DONE]") {
      continue;
    }
    const Json choice = Json::parse(event)["choices"][0];
    for (const Json& call : choice["delta"].value("tool_calls", Json::array())) {
      calls += call.contains("id") ? 1 : 0;
      arguments += call["function"]["arguments"].get<std::string>();
    }
    if (!choice["finish_reason"].is_null()) {
      finish = choice["finish_reason"];
    }
  }
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(finish, "tool_calls");
  EXPECT_EQ(arguments, whole["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"]);
}

TEST_F(ChatHandlerTest, AStreamWithLogprobsTellsEveryToken) {
  Json body = required(120);
  body["stream"] = true;
  body["logprobs"] = true;
  body["stream_options"] = {{"include_usage", true}};
  const Request request = post(body);
  const Response response = handle_chat(model_, request);
  SseClient client;
  response.stream(client);
  std::size_t told = 0;
  std::size_t made = 0;
  for (const std::string& event : client.events()) {
    const Json chunk = event == "[DONE]" ? Json::object() : Json::parse(event);
    for (const Json& choice : chunk.value("choices", Json::array())) {
      told += choice["logprobs"].is_null() ? 0 : choice["logprobs"]["content"].size();
    }
    if (chunk.contains("usage") && !chunk["usage"].is_null()) {
      made = chunk["usage"]["completion_tokens"].get<std::size_t>();
    }
  }
  EXPECT_GT(made, 10U);
  EXPECT_EQ(told, made);
}

TEST_F(ChatHandlerTest, ACallThatIsCutOffKeepsLength) {
  const Json answer = json_of(handle_chat(model_, post(required(24))));
  EXPECT_EQ(answer["choices"][0]["finish_reason"], "length");
  const Json& call = answer["choices"][0]["message"]["tool_calls"][0];
  EXPECT_EQ(call["function"]["name"], "get_weather");
}

TEST_F(ChatHandlerTest, ASchemaThatCannotBeUsedIsNamedByItsPath) {
  Json body = required(8);
  body["tools"].push_back(
      tool("bad", {{"type", "object"}, {"properties", {{"a", {{"type", "nothing"}}}}}}));
  const base::Error error = refusal(handle_chat, body);
  EXPECT_EQ(error.code(), base::ErrorCode::kInvalidArgument);
  EXPECT_EQ(error.param(), "tools[1].function.parameters");
}

TEST_F(ChatHandlerTest, OtherApisAreToldTheirOwnFields) {
  const Json bad = {{"type", "object"}, {"properties", {{"a", {{"type", "nothing"}}}}}};
  Json body = chat_body(8);
  body["tools"] = {{{"name", "bad"}, {"input_schema", bad}}};
  body["tool_choice"] = {{"type", "any"}};
  EXPECT_EQ(refusal(handle_messages, body).param(), "tools[0].input_schema");
  body["tools"][0]["input_schema"] = {{"type", "object"}};
  body["tool_choice"] = {{"type", "auto"}};
  const Json schema = {{"type", "object"}};
  body["output_config"] = {{"format", {{"type", "json_schema"}, {"schema", schema}}}};
  const base::Error both = refusal(handle_messages, body);
  EXPECT_EQ(both.param(), "output_config.format");
  EXPECT_EQ(std::string(both.what()).find("\"required\""), std::string::npos) << both.what();
  body = chat_body(8);
  body["tools"] = {weather()};
  body["format"] = "json";
  EXPECT_EQ(refusal(handle_ollama_chat, body).param(), "format");
  body = {{"input", "Hi"}, {"tool_choice", "required"}};
  body["tools"] = {{{"type", "function"}, {"name", "bad"}, {"parameters", bad}}};
  EXPECT_EQ(refusal(handle_responses, body).param(), "tools[0].parameters");
}

TEST_F(ChatHandlerTest, AnAnswersLogprobsAreItsTexts) {
  end_prompts_with("<think>\\n");
  const Json body = {
      {"input", "Where?"},
      {"temperature", 0},
      {"store", false},
      {"include", {"message.output_text.logprobs"}},
      {"guided_regex", "It is Paris\\.\n</think>\n\nParis\\."}};
  const Json output = json_of(handle_responses(model_, post(body)))["output"];
  ASSERT_EQ(output.size(), 2U);
  const Json& part = output[1]["content"][0];
  std::string told;
  for (const Json& token : part["logprobs"]) {
    told += token["token"].get<std::string>();
  }
  EXPECT_EQ(part["text"], "Paris.");
  EXPECT_EQ(told, "Paris.");
}

TEST_F(ChatHandlerTest, ReasoningIsAFieldOfItsOwnAndItsTokensAreCounted) {
  end_prompts_with("<think>\\n");
  Json body = chat_body(40);
  body["guided_regex"] = "It is Paris\\.\n</think>\n\nParis\\.";
  const Json answer = json_of(handle_chat(model_, post(body)));
  const Json& message = answer["choices"][0]["message"];
  EXPECT_EQ(message["reasoning_content"], "It is Paris.");
  EXPECT_EQ(message["content"], "Paris.");
  EXPECT_EQ(answer["choices"][0]["finish_reason"], "stop");
  const int reasoning = answer["usage"]["completion_tokens_details"]["reasoning_tokens"];
  EXPECT_GT(reasoning, 3);
  EXPECT_LT(reasoning, answer["usage"]["completion_tokens"].get<int>());
  body["reasoning_format"] = "none";
  EXPECT_EQ(
      json_of(handle_chat(model_, post(body)))["choices"][0]["message"]["content"],
      "It is Paris.\n</think>\n\nParis.");
}

TEST_F(ChatHandlerTest, ResultsOfCallsReachTheModel) {
  Json body = chat_body(8);
  const int before = json_of(handle_chat(model_, post(body)))["usage"]["prompt_tokens"];
  body["messages"].push_back(
      {{"role", "assistant"},
       {"content", nullptr},
       {"tool_calls",
        {{{"id", "c1"},
          {"type", "function"},
          {"function", {{"name", "noop"}, {"arguments", "{}"}}}}}}});
  body["messages"].push_back({{"role", "tool"}, {"tool_call_id", "c1"}, {"content", "done"}});
  const int after = json_of(handle_chat(model_, post(body)))["usage"]["prompt_tokens"];
  EXPECT_GT(after, before + 15);
}

}  // namespace
}  // namespace hub::api

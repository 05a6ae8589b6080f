#include "api/openai/chat_request.h"

#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"

namespace hub::api {
namespace {

using base::Json;

ChatRequest parse(const std::string& text) {
  return ChatRequest::from_json(base::parse_json(text, "request body"));
}

// A valid request with more fields.
ChatRequest with(const std::string& fields) {
  return parse(R"({"model":"m","messages":[{"role":"user","content":"Hi"}],)" + fields + "}");
}

std::string param_of(const std::string& text) {
  try {
    static_cast<void>(parse(text));
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::ErrorCode::kInvalidArgument);
    return error.param();
  }
  return "(accepted)";
}

std::string param_of_field(const std::string& fields) {
  return param_of(R"({"messages":[{"role":"user","content":"Hi"}],)" + fields + "}");
}

TEST(ChatRequest, DefaultsAreOpenAis) {
  const ChatRequest request = parse(R"({"messages":[{"role":"user","content":"Hi"}]})");
  EXPECT_EQ(request.options.model, "");
  EXPECT_FALSE(request.options.stream);
  EXPECT_FALSE(request.options.include_usage);
  EXPECT_FLOAT_EQ(request.options.sampling.temperature, 1.0F);
  EXPECT_FLOAT_EQ(request.options.sampling.top_p, 1.0F);
  EXPECT_EQ(request.options.sampling.top_k, 0);
  EXPECT_FALSE(request.options.sampling.seed.has_value());
  EXPECT_FALSE(request.options.max_tokens.has_value());
  EXPECT_TRUE(request.options.stop.empty());
}

TEST(ChatRequest, ReadsEveryField) {
  const ChatRequest request = with(
      R"("stream":true,"stream_options":{"include_usage":true},"temperature":0.5,"top_p":0.25,
         "top_k":40,"min_p":0.05,"seed":-1,"stop":["a","b"],"max_tokens":5,"n":1,
         "response_format":{"type":"text"},"tools":[],"logit_bias":{},"logprobs":false,
         "frequency_penalty":0,"user":"u","chat_template_kwargs":{"a":1},"unknown_field":[1])");
  EXPECT_TRUE(request.options.stream);
  EXPECT_TRUE(request.options.include_usage);
  EXPECT_FLOAT_EQ(request.options.sampling.temperature, 0.5F);
  EXPECT_FLOAT_EQ(request.options.sampling.top_p, 0.25F);
  EXPECT_EQ(request.options.sampling.top_k, 40);
  EXPECT_FLOAT_EQ(request.options.sampling.min_p, 0.05F);
  EXPECT_EQ(request.options.sampling.seed, ~std::uint64_t{0});
  EXPECT_EQ(request.options.stop, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(request.options.max_tokens, 5);
  EXPECT_EQ((*request.template_kwargs)["a"], 1);
}

TEST(ChatRequest, PriorityIsAWholeNumberWithinBounds) {
  EXPECT_EQ(with(R"("stream":false)").options.priority, 0);
  EXPECT_EQ(with(R"("priority":-1000)").options.priority, -1000);
  EXPECT_EQ(with(R"("priority":1000)").options.priority, 1000);
  EXPECT_EQ(param_of_field(R"("priority":1001)"), "priority");
  EXPECT_EQ(param_of_field(R"("priority":-1001)"), "priority");
  EXPECT_EQ(param_of_field(R"("priority":0.5)"), "priority");
}

TEST(ChatRequest, NewNameOfTheTokenLimitWins) {
  EXPECT_EQ(with(R"("max_tokens":5,"max_completion_tokens":7)").options.max_tokens, 7);
}

TEST(ChatRequest, NullCountsAsAbsent) {
  const ChatRequest request =
      with(R"("stop":null,"temperature":null,"tools":null,"seed":null,"stream_options":null)");
  EXPECT_FLOAT_EQ(request.options.sampling.temperature, 1.0F);
}

TEST(ChatRequest, StopMayBeOneString) {
  EXPECT_EQ(with(R"("stop":"\n")").options.stop, std::vector<std::string>{"\n"});
}

TEST(ChatRequest, MessagesKeepOrderRolesAndParts) {
  const ChatRequest request = parse(
      R"({"messages":[{"role":"developer","content":"Be brief."},
          {"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]},
          {"role":"assistant","content":"c","name":"bot"}]})");
  EXPECT_EQ(
      request.template_messages(),
      Json::parse(R"([{"role":"system","content":"Be brief."},{"role":"user","content":"ab"},
                      {"role":"assistant","content":"c","name":"bot"}])"));
}

TEST(ChatRequest, WrongMessagesAreNamedByPath) {
  EXPECT_EQ(param_of(R"({"model":"m"})"), "messages");
  EXPECT_EQ(param_of(R"({"messages":"hi"})"), "messages");
  EXPECT_EQ(param_of(R"({"messages":[]})"), "messages");
  EXPECT_EQ(param_of(R"({"messages":[1]})"), "messages[0]");
  EXPECT_EQ(param_of(R"({"messages":[{"content":"x"}]})"), "messages[0].role");
  EXPECT_EQ(param_of(R"({"messages":[{"role":"robot","content":"x"}]})"), "messages[0].role");
  EXPECT_EQ(param_of(R"({"messages":[{"role":"user"}]})"), "messages[0].content");
  EXPECT_EQ(param_of(R"({"messages":[{"role":"user","content":5}]})"), "messages[0].content");
  EXPECT_EQ(param_of(R"({"messages":[{"role":"user","content":[]}]})"), "messages[0].content");
  EXPECT_EQ(
      param_of(R"({"messages":[{"role":"user","content":"a"},
                   {"role":"user","content":[{"type":"image_url","image_url":{}}]}]})"),
      "messages[1].content[0]");
  EXPECT_EQ(
      param_of(R"({"messages":[{"role":"user","content":[{"type":"text"}]}]})"),
      "messages[0].content[0].text");
  EXPECT_EQ(
      param_of(R"({"messages":[{"role":"assistant","content":"","tool_calls":[{"id":"1"}]}]})"),
      "messages[0].tool_calls[0].function");
  EXPECT_EQ(param_of("[]"), "");
}

TEST(ChatRequest, WrongTypesAndRangesAreNamed) {
  EXPECT_EQ(param_of_field(R"("max_tokens":-1)"), "max_tokens");
  EXPECT_EQ(param_of_field(R"("max_tokens":0)"), "max_tokens");
  EXPECT_EQ(param_of_field(R"("max_tokens":0,"echo":true)"), "max_tokens");
  EXPECT_EQ(param_of_field(R"("max_tokens":1.5)"), "max_tokens");
  EXPECT_EQ(param_of_field(R"("max_completion_tokens":"5")"), "max_completion_tokens");
  EXPECT_EQ(param_of_field(R"("temperature":-0.1)"), "temperature");
  EXPECT_EQ(param_of_field(R"("temperature":2.5)"), "temperature");
  EXPECT_EQ(param_of_field(R"("temperature":"hot")"), "temperature");
  EXPECT_EQ(param_of_field(R"("top_p":1.5)"), "top_p");
  EXPECT_EQ(param_of_field(R"("top_k":-2)"), "top_k");
  EXPECT_EQ(param_of_field(R"("min_p":2)"), "min_p");
  EXPECT_EQ(param_of_field(R"("seed":1e30)"), "seed");
  EXPECT_EQ(param_of_field(R"("stream":"yes")"), "stream");
  EXPECT_EQ(param_of_field(R"("stream_options":[])"), "stream_options");
  EXPECT_EQ(
      param_of_field(R"("stream_options":{"include_usage":1})"), "stream_options.include_usage");
  EXPECT_EQ(param_of_field(R"("stop":5)"), "stop");
  EXPECT_EQ(param_of_field(R"("stop":["a",5])"), "stop[1]");
  EXPECT_EQ(
      param_of_field(
          R"("stop":["1","2","3","4","5","6","7","8","9","10","11","12","13","14","15","16","17"])"),
      "stop");
  EXPECT_EQ(param_of_field(R"("model":5)"), "model");
}

TEST(ChatRequest, ReadsHowTokensAreDrawn) {
  const ChatRequest request = with(
      R"("logit_bias":{"5":1.5,"7":null},"repetition_penalty":1.1,"repetition_context_size":64,
         "presence_penalty":-0.5,"frequency_penalty":2,"frequency_context_size":8,
         "typical_p":0.9,"xtc_probability":0.5,"xtc_threshold":0.2,
         "dry_multiplier":0.8,"dry_base":2,"dry_allowed_length":3,"dry_penalty_last_n":100,
         "dry_sequence_breakers":["."],"min_tokens":4,"ignore_eos":true,"stop_token_ids":[3],
         "n":2,"best_of":3,"logprobs":true,"top_logprobs":20)");
  const engine::SamplingParams& sampling = request.options.sampling;
  EXPECT_EQ(sampling.rules.bias, (std::vector<std::pair<int, float>>{{5, 1.5F}, {7, 0.0F}}));
  EXPECT_FLOAT_EQ(sampling.rules.repetition_penalty, 1.1F);
  EXPECT_EQ(sampling.rules.repetition_context, 64);
  EXPECT_FLOAT_EQ(sampling.rules.presence_penalty, -0.5F);
  EXPECT_EQ(sampling.rules.presence_context, std::nullopt);
  EXPECT_FLOAT_EQ(sampling.rules.frequency_penalty, 2.0F);
  EXPECT_EQ(sampling.rules.frequency_context, 8);
  EXPECT_FLOAT_EQ(sampling.typical_p, 0.9F);
  EXPECT_FLOAT_EQ(sampling.xtc_probability, 0.5F);
  EXPECT_FLOAT_EQ(sampling.xtc_threshold, 0.2F);
  EXPECT_FLOAT_EQ(sampling.rules.dry.multiplier, 0.8F);
  EXPECT_FLOAT_EQ(sampling.rules.dry.base, 2.0F);
  EXPECT_EQ(sampling.rules.dry.allowed_length, 3);
  EXPECT_EQ(sampling.rules.dry.context, 100);
  EXPECT_EQ(request.options.dry_breakers, std::vector<std::string>{"."});
  EXPECT_EQ(request.options.min_tokens, 4);
  EXPECT_TRUE(request.options.ignore_eos);
  EXPECT_EQ(request.options.stop_token_ids, std::vector<int>{3});
  EXPECT_EQ(request.options.n, 2);
  EXPECT_EQ(request.options.best_of, 3);
  EXPECT_TRUE(request.options.logprobs);
  EXPECT_EQ(sampling.top_logprobs, 20);
}

TEST(ChatRequest, MlxLmsWordsForOffAreTaken) {
  const ChatRequest request =
      with(R"("repetition_penalty":0,"top_logprobs":-1,"dry_penalty_last_n":-1)");
  EXPECT_FLOAT_EQ(request.options.sampling.rules.repetition_penalty, 1.0F);
  EXPECT_EQ(request.options.sampling.top_logprobs, 0);
  EXPECT_EQ(request.options.sampling.rules.dry.context, std::nullopt);
}

TEST(ChatRequest, DrawingOutOfRangeIsRefusedByName) {
  EXPECT_EQ(param_of_field(R"("n":0)"), "n");
  EXPECT_EQ(param_of_field(R"("n":129)"), "n");
  EXPECT_EQ(param_of_field(R"("n":3,"best_of":2)"), "best_of");
  EXPECT_EQ(param_of_field(R"("best_of":2,"stream":true)"), "best_of");
  EXPECT_EQ(param_of_field(R"("top_logprobs":3)"), "top_logprobs");
  EXPECT_EQ(param_of_field(R"("logprobs":true,"top_logprobs":21)"), "top_logprobs");
  EXPECT_EQ(param_of_field(R"("logit_bias":{"x":1})"), "logit_bias");
  EXPECT_EQ(param_of_field(R"("logit_bias":{"-1":1})"), "logit_bias");
  EXPECT_EQ(param_of_field(R"("logit_bias":{"5":101})"), "logit_bias.5");
  EXPECT_EQ(param_of_field(R"("presence_penalty":2.1)"), "presence_penalty");
  EXPECT_EQ(param_of_field(R"("frequency_penalty":-2.1)"), "frequency_penalty");
  EXPECT_EQ(param_of_field(R"("repetition_penalty":-1)"), "repetition_penalty");
  EXPECT_EQ(param_of_field(R"("xtc_threshold":0.6)"), "xtc_threshold");
  EXPECT_EQ(param_of_field(R"("typical_p":1.1)"), "typical_p");
  EXPECT_EQ(param_of_field(R"("dry_allowed_length":0)"), "dry_allowed_length");
  EXPECT_EQ(param_of_field(R"("min_tokens":5,"max_tokens":4)"), "min_tokens");
  EXPECT_EQ(param_of_field(R"("stop_token_ids":[-1])"), "stop_token_ids");
  EXPECT_EQ(param_of_field(R"("stop_token_ids":["a"])"), "stop_token_ids");
}

TEST(ChatRequest, ReadsWhatIsDoneWithALongPrompt) {
  EXPECT_FALSE(with(R"("truncation":"disabled")").options.truncates);
  EXPECT_TRUE(with(R"("truncation":"auto")").options.truncates);
  EXPECT_EQ(with(R"("truncate_prompt_tokens":-1)").options.truncate_prompt_tokens, -1);
  EXPECT_EQ(with(R"("truncate_prompt_tokens":9)").options.truncate_prompt_tokens, 9);
  EXPECT_EQ(param_of_field(R"("truncation":"middle")"), "truncation");
  EXPECT_EQ(param_of_field(R"("truncate_prompt_tokens":0)"), "truncate_prompt_tokens");
  EXPECT_EQ(param_of_field(R"("truncate_prompt_tokens":-2)"), "truncate_prompt_tokens");
}

TEST(ChatRequest, OldTurnsCanBeLeftOut) {
  const ChatRequest chat = parse(
      R"({"messages":[{"role":"system","content":"s"},{"role":"user","content":"1"},
         {"role":"assistant","content":"2"},{"role":"user","content":"3"},
         {"role":"user","content":"4"}]})");
  EXPECT_EQ(chat.droppable(), (std::vector<std::size_t>{0, 2, 3}));
  const base::Json rest = chat.template_messages(2);
  ASSERT_EQ(rest.size(), 3U);
  EXPECT_EQ(rest[0]["content"], "s");
  EXPECT_EQ(rest[1]["content"], "3");
  EXPECT_EQ(rest[2]["content"], "4");
  EXPECT_EQ(chat.template_messages().size(), 5U);
  EXPECT_EQ(
      parse(R"({"messages":[{"role":"system","content":"s"}]})").droppable(),
      std::vector<std::size_t>{0});
}

TEST(ChatRequest, APredictionIsATextOrTextParts) {
  EXPECT_EQ(with(R"("temperature":1)").options.prediction, "");
  EXPECT_EQ(with(R"("prediction":{"type":"content","content":"a b"})").options.prediction, "a b");
  EXPECT_EQ(
      with(
          R"("prediction":{"type":"content","content":[{"type":"text","text":"a "},{"text":"b"}]})")
          .options.prediction,
      "a b");
  EXPECT_EQ(param_of_field(R"("prediction":"a")"), "prediction");
  EXPECT_EQ(param_of_field(R"("prediction":{"type":"draft","content":"a"})"), "prediction.type");
  EXPECT_EQ(param_of_field(R"("prediction":{"type":"content"})"), "prediction.content");
  EXPECT_EQ(
      param_of_field(R"("prediction":{"type":"content","content":[{"text":1}]})"),
      "prediction.content[0].text");
}

TEST(ChatRequest, WhatWouldChangeTheAnswerIsRefusedByName) {
  EXPECT_EQ(param_of_field(R"("functions":[{"name":"f"}])"), "functions");
  EXPECT_EQ(param_of_field(R"("function_call":"auto")"), "function_call");
  EXPECT_EQ(param_of_field(R"("web_search_options":{"a":1})"), "web_search_options");
  EXPECT_EQ(param_of_field(R"("modalities":["text","audio"])"), "modalities");
  EXPECT_EQ(param_of_field(R"("audio":{"voice":"x"})"), "audio");
  EXPECT_EQ(param_of_field(R"("adapters":"/some/path")"), "adapters");
  EXPECT_EQ(param_of_field(R"("grammar":"root ::= x")"), "grammar");
}

TEST(ChatRequest, WhatIsNotUsedIsTaken) {
  with(
      R"("user":"u","metadata":{"a":"b"},"store":true,"service_tier":"auto","verbosity":"low",
         "modalities":["text"],"safety_identifier":"s","prompt_cache_key":"k")");
}

TEST(ChatRequest, APartThatIsNoTextIsRefusedWithTheModelsName) {
  for (const char* type : {"image_url", "input_audio", "file"}) {
    try {
      parse(
          fmt::format(
              R"({{"model":"smol","messages":[{{"role":"user","content":[{{"type":"text","text":"a"}},{{"type":"{}"}}]}}]}})",
              type));
      ADD_FAILURE() << type;
    } catch (const base::Error& error) {
      EXPECT_EQ(error.code(), base::ErrorCode::kInvalidArgument);
      EXPECT_EQ(error.param(), "messages[0].content[1]");
      EXPECT_EQ(error.reason(), "unsupported_content");
      EXPECT_NE(std::string(error.what()).find("\"smol\""), std::string::npos);
      EXPECT_NE(std::string(error.what()).find(type), std::string::npos);
    }
  }
}

TEST(ChatRequest, AToolLoopsMessages) {
  const ChatRequest request = parse(
      R"({"messages":[{"role":"user","content":"Weather?"},
          {"role":"assistant","content":null,"reasoning_content":"hm","tool_calls":[
            {"id":"call_1","type":"function",
             "function":{"name":"get_weather","arguments":"{\"city\":\"Rome\"}"}}]},
          {"role":"tool","tool_call_id":"call_1","content":[{"type":"text","text":"21"}]},
          {"role":"assistant","tool_calls":[{"id":"c2","function":{"name":"noop"}}]},
          {"role":"tool","tool_call_id":"unknown","content":""}]})");
  EXPECT_EQ(
      request.template_messages(),
      Json::parse(
          R"([{"role":"user","content":"Weather?"},
              {"role":"assistant","content":"","reasoning_content":"hm","tool_calls":[
                {"id":"call_1","type":"function",
                 "function":{"name":"get_weather","arguments":"{\"city\":\"Rome\"}"}}]},
              {"role":"tool","content":"21","tool_call_id":"call_1","name":"get_weather"},
              {"role":"assistant","content":"","tool_calls":[
                {"id":"c2","type":"function","function":{"name":"noop","arguments":"{}"}}]},
              {"role":"tool","content":"","tool_call_id":"unknown"}])"));
}

TEST(ChatRequest, WrongCallsAndResultsAreNamedByPath) {
  EXPECT_EQ(
      param_of(R"({"messages":[{"role":"tool","content":"x"}]})"), "messages[0].tool_call_id");
  EXPECT_EQ(
      param_of(R"({"messages":[{"role":"tool","tool_call_id":"a"}]})"), "messages[0].content");
  EXPECT_EQ(
      param_of(R"({"messages":[{"role":"user","content":"x","tool_calls":[{}]}]})"),
      "messages[0].tool_calls");
  EXPECT_EQ(
      param_of(R"({"messages":[{"role":"assistant","content":null}]})"), "messages[0].content");
  EXPECT_EQ(
      param_of(
          R"({"messages":[{"role":"assistant","tool_calls":[{"function":{"arguments":"{}"}}]}]})"),
      "messages[0].tool_calls[0].function.name");
  EXPECT_EQ(
      param_of(
          R"({"messages":[{"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":3}}]}]})"),
      "messages[0].tool_calls[0].function.arguments");
  EXPECT_EQ(
      param_of(R"({"messages":[{"role":"assistant","tool_calls":[{"type":"custom"}]}]})"),
      "messages[0].tool_calls[0].type");
  EXPECT_EQ(
      param_of(R"({"messages":[{"role":"assistant","content":"","function_call":{"name":"f"}}]})"),
      "messages[0].function_call");
}

TEST(ChatRequest, ReasoningEffortBecomesTheTemplatesVariables) {
  EXPECT_EQ(with(R"("stream":false)").template_kwargs, nullptr);
  EXPECT_EQ(
      *with(R"("reasoning_effort":"low")").template_kwargs,
      Json::parse(R"({"reasoning_effort":"low","enable_thinking":true})"));
  EXPECT_EQ(
      *with(R"("reasoning_effort":"none","chat_template_kwargs":{"enable_thinking":true})")
           .template_kwargs,
      Json::parse(R"({"enable_thinking":true,"reasoning_effort":"none"})"));
  EXPECT_EQ(param_of_field(R"("reasoning_effort":"much")"), "reasoning_effort");
}

TEST(ChatRequest, ReasoningMayStayInTheText) {
  EXPECT_TRUE(with(R"("stream":false)").parse_reasoning);
  EXPECT_TRUE(with(R"("reasoning_format":"deepseek")").parse_reasoning);
  EXPECT_FALSE(with(R"("reasoning_format":"none")").parse_reasoning);
  EXPECT_EQ(param_of_field(R"("reasoning_format":"xml")"), "reasoning_format");
}

}  // namespace
}  // namespace hub::api

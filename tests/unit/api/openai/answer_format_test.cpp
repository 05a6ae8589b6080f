#include "api/openai/answer_format.h"

#include <limits>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "api/openai/chat_response.h"
#include "api/openai/completion_response.h"

namespace hub::api {
namespace {

using base::Json;

AnswerHead head(bool include_usage = false) {
  return {.id = "id-1", .created_s = 1750000000, .model = "m", .include_usage = include_usage};
}

// The text with the version taken out, so that the forms below can be written in full.
std::string plain(const std::string& text) {
  Json json = Json::parse(text);
  EXPECT_EQ(json["system_fingerprint"], "mlx-hub-" HUB_VERSION);
  json.erase("system_fingerprint");
  return json.dump();
}

TEST(ChatFormat, WholeAnswer) {
  const ChatFormat format(head());
  EXPECT_EQ(
      plain(format.whole(
          {{"Paris.", "stop"}},
          {.prompt_tokens = 5, .completion_tokens = 3, .drafted_tokens = 5, .accepted_tokens = 2})),
      R"({"id":"id-1","object":"chat.completion","created":1750000000,"model":"m",)"
      R"("choices":[{"index":0,"message":{"role":"assistant","content":"Paris.","refusal":null},)"
      R"("logprobs":null,"finish_reason":"stop"}],)"
      R"("usage":{"prompt_tokens":5,"completion_tokens":3,"total_tokens":8,)"
      R"("prompt_tokens_details":{"cached_tokens":0},)"
      R"("completion_tokens_details":{"reasoning_tokens":0,"accepted_prediction_tokens":2,)"
      R"("rejected_prediction_tokens":3}}})");
}

TEST(ChatFormat, Chunks) {
  const ChatFormat format(head());
  const std::string start =
      R"({"id":"id-1","object":"chat.completion.chunk","created":1750000000,"model":"m",)";
  EXPECT_EQ(
      plain(format.opening_chunk(0)),
      start + R"("choices":[{"index":0,"delta":{"role":"assistant","content":""},)"
              R"("logprobs":null,"finish_reason":null}]})");
  EXPECT_EQ(
      plain(format.piece_chunk(0, {.text = "Hi"})),
      start + R"("choices":[{"index":0,"delta":{"content":"Hi"},)"
              R"("logprobs":null,"finish_reason":null}]})");
  EXPECT_EQ(
      plain(format.piece_chunk(0, {.text = {}, .finish_reason = "length"})),
      start + R"("choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"length"}]})");
}

TEST(ChatFormat, AWholeAnswerWithReasoningAndCalls) {
  const ChatFormat format(head());
  AnswerChoice choice{.text = {}, .finish_reason = "tool_calls"};
  choice.reasoning = "hm";
  choice.calls = {{.id = "call_1", .name = "f", .arguments = "{}"}};
  const Json answer =
      Json::parse(format.whole({choice}, {.completion_tokens = 9, .reasoning_tokens = 4}));
  EXPECT_EQ(
      answer["choices"].dump(),
      R"([{"index":0,"message":{"role":"assistant","content":null,"refusal":null,)"
      R"("reasoning_content":"hm","tool_calls":[{"id":"call_1","type":"function",)"
      R"("function":{"name":"f","arguments":"{}"}}]},"logprobs":null,"finish_reason":"tool_calls"}])");
  EXPECT_EQ(answer["usage"]["completion_tokens_details"]["reasoning_tokens"], 4);
  choice.text = "Sure.";
  EXPECT_EQ(Json::parse(format.whole({choice}, {}))["choices"][0]["message"]["content"], "Sure.");
}

TEST(ChatFormat, ChunksOfReasoningAndCalls) {
  using Kind = chat::ChatPiece::Kind;
  const ChatFormat format(head());
  const auto delta = [&](const AnswerPiece& piece) {
    return Json::parse(format.piece_chunk(0, piece))["choices"][0]["delta"].dump();
  };
  EXPECT_EQ(delta({.text = "hm", .kind = Kind::kReasoning}), R"({"reasoning_content":"hm"})");
  EXPECT_EQ(
      delta({.text = {}, .kind = Kind::kCallBegins, .call = 1, .call_id = "c", .call_name = "f"}),
      R"({"tool_calls":[{"index":1,"id":"c","type":"function",)"
      R"("function":{"name":"f","arguments":""}}]})");
  EXPECT_EQ(
      delta({.text = "{\"a", .kind = Kind::kArguments, .call = 1}),
      R"({"tool_calls":[{"index":1,"function":{"arguments":"{\"a"}}]})");
  EXPECT_EQ(format.piece_chunk(0, {.text = {}, .kind = Kind::kCallEnds}), "");
  EXPECT_EQ(delta({.text = {}, .tokens = {{.bytes = "}"}}, .kind = Kind::kCallEnds}), "{}");
}

TEST(ChatFormat, UsageChunkHasNoChoicesAndTheOthersANullUsage) {
  const ChatFormat format(head(true));
  EXPECT_TRUE(Json::parse(format.piece_chunk(0, {.text = "a"})).at("usage").is_null());
  const Json usage = Json::parse(format.usage_chunk({.prompt_tokens = 1, .completion_tokens = 2}));
  EXPECT_EQ(usage["object"], "chat.completion.chunk");
  EXPECT_TRUE(usage["choices"].is_array() && usage["choices"].empty());
  EXPECT_EQ(usage["usage"]["total_tokens"], 3);
}

TEST(CompletionFormat, WholeAnswerWithTwoChoices) {
  const CompletionFormat format(head());
  const Json answer = Json::parse(format.whole({{"a", "stop"}, {"b", "length"}}, {}));
  EXPECT_EQ(answer["object"], "text_completion");
  EXPECT_EQ(
      answer["choices"].dump(),
      R"([{"index":0,"text":"a","logprobs":null,"finish_reason":"stop"},)"
      R"({"index":1,"text":"b","logprobs":null,"finish_reason":"length"}])");
}

TEST(CompletionFormat, Chunks) {
  const CompletionFormat format(head());
  EXPECT_EQ(format.opening_chunk(0), "");
  const Json chunk = Json::parse(format.piece_chunk(1, {.text = "x"}));
  EXPECT_EQ(chunk["object"], "text_completion");
  EXPECT_EQ(
      chunk["choices"].dump(), R"([{"index":1,"text":"x","logprobs":null,"finish_reason":null}])");
  EXPECT_EQ(
      Json::parse(format.piece_chunk(1, {.text = {}, .finish_reason = "stop"}))["choices"].dump(),
      R"([{"index":1,"text":"","logprobs":null,"finish_reason":"stop"}])");
}

TEST(AnswerFormat, OneLineWhateverTheText) {
  const ChatFormat format(head());
  const std::string chunk = format.piece_chunk(0, {.text = "a\nb\xff"});
  EXPECT_EQ(chunk.find('\n'), std::string::npos);
  EXPECT_EQ(Json::parse(chunk)["choices"][0]["delta"]["content"], "a\nb\xEF\xBF\xBD");
}

TEST(AnswerFormat, IdsDiffer) {
  const std::string id = new_answer_id(ChatFormat::kIdPrefix);
  EXPECT_EQ(id.size(), 9U + 32U);
  EXPECT_EQ(id.rfind("chatcmpl-", 0), 0U);
  EXPECT_NE(id, new_answer_id(ChatFormat::kIdPrefix));
}

const std::vector<AnswerToken> kTokens = {
    {.bytes = "Grü", .logprob = -0.5F, .top = {{.bytes = "Grü", .logprob = -0.5F}}},
    {.bytes = "\xc3",
     .logprob = -1.0F,
     .top = {{.bytes = "b", .logprob = -std::numeric_limits<float>::infinity()}}}};

AnswerHead head_with_logprobs() {
  AnswerHead result = head();
  result.logprobs = true;
  return result;
}

TEST(ChatFormat, TellsLogprobsWithTheBytesOfEachToken) {
  const ChatFormat format(head_with_logprobs());
  const Json whole = Json::parse(format.whole({{"x", "stop", kTokens}}, {}));
  const Json& content = whole["choices"][0]["logprobs"]["content"];
  ASSERT_EQ(content.size(), 2U);
  EXPECT_EQ(content[0]["token"], "Grü");
  EXPECT_EQ(content[0]["bytes"], Json::parse("[71,114,195,188]"));
  EXPECT_FLOAT_EQ(content[0]["logprob"].get<float>(), -0.5F);
  EXPECT_EQ(content[0]["top_logprobs"][0]["token"], "Grü");
  EXPECT_EQ(content[1]["token"], "\xef\xbf\xbd");  // U+FFFD
  EXPECT_EQ(content[1]["bytes"], Json::parse("[195]"));
  EXPECT_EQ(content[1]["top_logprobs"][0]["logprob"], -9999.0);
  const Json chunk = Json::parse(format.piece_chunk(0, {.text = "Grü", .tokens = kTokens}));
  EXPECT_EQ(chunk["choices"][0]["logprobs"]["content"], content);
}

TEST(CompletionFormat, TellsAPromptsTokens) {
  const CompletionFormat format(head_with_logprobs());
  const std::vector<AnswerToken> tokens = {
      {.bytes = "<s>", .logprob = std::nullopt, .characters = 0},
      {.bytes = "Hi",
       .logprob = -3.0F,
       .top = {
           {.bytes = "\xef\xbf\xbd", .logprob = -0.5F},
           {.bytes = "\xef\xbf\xbd", .logprob = -2.0F}}}};
  const Json whole = Json::parse(format.whole({{"Hi", "length", tokens}}, {}));
  const Json& logprobs = whole["choices"][0]["logprobs"];
  EXPECT_EQ(logprobs["text_offset"], Json::parse("[0,0]"));
  EXPECT_EQ(logprobs["token_logprobs"], Json::parse("[null,-3.0]"));
  EXPECT_TRUE(logprobs["top_logprobs"][0].is_null());
  EXPECT_EQ(logprobs["top_logprobs"][1], (Json{{"\xef\xbf\xbd", -0.5}}))
      << "of tokens with the same text the likeliest";
}

TEST(CompletionFormat, TellsLogprobsInColumns) {
  const CompletionFormat format(head_with_logprobs());
  const Json chunk =
      Json::parse(format.piece_chunk(0, {.text = "Grü", .tokens = kTokens, .offset = 7}));
  const Json& logprobs = chunk["choices"][0]["logprobs"];
  EXPECT_EQ(logprobs["tokens"].size(), 2U);
  EXPECT_EQ(logprobs["text_offset"], Json::parse("[7,10]"));
  EXPECT_FLOAT_EQ(logprobs["top_logprobs"][0]["Grü"].get<float>(), -0.5F);
  EXPECT_EQ(logprobs["top_logprobs"][1]["b"], -9999.0);
}

}  // namespace
}  // namespace hub::api

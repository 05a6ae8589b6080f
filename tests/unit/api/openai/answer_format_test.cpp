#include "api/openai/answer_format.h"

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
      plain(format.whole({{"Paris.", "stop"}}, {.prompt_tokens = 5, .completion_tokens = 3})),
      R"({"id":"id-1","object":"chat.completion","created":1750000000,"model":"m",)"
      R"("choices":[{"index":0,"message":{"role":"assistant","content":"Paris.","refusal":null},)"
      R"("logprobs":null,"finish_reason":"stop"}],)"
      R"("usage":{"prompt_tokens":5,"completion_tokens":3,"total_tokens":8,)"
      R"("prompt_tokens_details":{"cached_tokens":0},)"
      R"("completion_tokens_details":{"reasoning_tokens":0}}})");
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
      plain(format.text_chunk(0, "Hi")),
      start + R"("choices":[{"index":0,"delta":{"content":"Hi"},)"
              R"("logprobs":null,"finish_reason":null}]})");
  EXPECT_EQ(
      plain(format.last_chunk(0, "length")),
      start + R"("choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"length"}]})");
}

TEST(ChatFormat, UsageChunkHasNoChoicesAndTheOthersANullUsage) {
  const ChatFormat format(head(true));
  EXPECT_TRUE(Json::parse(format.text_chunk(0, "a")).at("usage").is_null());
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
  const Json chunk = Json::parse(format.text_chunk(1, "x"));
  EXPECT_EQ(chunk["object"], "text_completion");
  EXPECT_EQ(
      chunk["choices"].dump(), R"([{"index":1,"text":"x","logprobs":null,"finish_reason":null}])");
  EXPECT_EQ(
      Json::parse(format.last_chunk(1, "stop"))["choices"].dump(),
      R"([{"index":1,"text":"","logprobs":null,"finish_reason":"stop"}])");
}

TEST(AnswerFormat, OneLineWhateverTheText) {
  const ChatFormat format(head());
  const std::string chunk = format.text_chunk(0, "a\nb\xff");
  EXPECT_EQ(chunk.find('\n'), std::string::npos);
  EXPECT_EQ(Json::parse(chunk)["choices"][0]["delta"]["content"], "a\nb\xEF\xBF\xBD");
}

TEST(AnswerFormat, IdsDiffer) {
  const std::string id = new_answer_id(ChatFormat::kIdPrefix);
  EXPECT_EQ(id.size(), 9U + 32U);
  EXPECT_EQ(id.rfind("chatcmpl-", 0), 0U);
  EXPECT_NE(id, new_answer_id(ChatFormat::kIdPrefix));
}

}  // namespace
}  // namespace hub::api

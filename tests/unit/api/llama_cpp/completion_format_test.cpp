#include "api/llama_cpp/completion_format.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"

namespace hub::api {
namespace {

using base::Json;

constexpr AnswerUsage kUsage{
    .prompt_tokens = 6,
    .cached_tokens = 2,
    .completion_tokens = 4,
    .seconds = 1.0,
    .prefill_seconds = 0.5,
    .decode_seconds = 0.25};

const std::vector<AnswerToken> kTokens{
    {.bytes = "a", .logprob = -0.5F, .top = {{.bytes = "b", .logprob = -1.0F, .id = 8}}, .id = 7}};

LlamaCompletionFormat format(bool tokens = false, bool probabilities = false) {
  return {
      {.id = "", .model = "m", .logprobs = tokens || probabilities},
      {.prompt = "Hi",
       .prompt_tokens = 6,
       .return_tokens = tokens,
       .tells_probabilities = probabilities}};
}

Json event(const std::string& text) {
  EXPECT_TRUE(text.starts_with("data: ") && text.ends_with("\n\n")) << text;
  return Json::parse(text.substr(6));
}

TEST(LlamaCompletionFormat, WholeAnswer) {
  const Json answer = Json::parse(
      format().whole({{.text = "a\nb", .finish_reason = "stop", .tokens = kTokens}}, kUsage));
  EXPECT_EQ(answer["content"], "a\nb");
  EXPECT_EQ(answer["tokens"], Json::array());
  EXPECT_FALSE(answer.contains("completion_probabilities"));
  EXPECT_EQ(answer["stop"], true);
  EXPECT_EQ(answer["prompt"], "Hi");
  EXPECT_EQ(answer["has_new_line"], true);
  EXPECT_EQ(answer["tokens_predicted"], 4);
  EXPECT_EQ(answer["tokens_evaluated"], 6);
  EXPECT_EQ(answer["tokens_cached"], 2);
  EXPECT_EQ(answer["stop_type"], "eos");
  EXPECT_EQ(
      answer["timings"].dump(),
      R"({"cache_n":2,"prompt_n":4,"prompt_ms":500.0,"prompt_per_token_ms":125.0,)"
      R"("prompt_per_second":8.0,"predicted_n":4,"predicted_ms":250.0,)"
      R"("predicted_per_token_ms":62.5,"predicted_per_second":16.0})");
}

TEST(LlamaCompletionFormat, SaysWhyItStopped) {
  const auto stop = [](const char* reason, const char* word) {
    const Json answer =
        Json::parse(format().whole({{.text = "a", .finish_reason = reason, .stop = word}}, kUsage));
    return answer["stop_type"].get<std::string>() + " " +
           answer["stopping_word"].get<std::string>();
  };
  EXPECT_EQ(stop("length", ""), "limit ");
  EXPECT_EQ(stop("stop", "END"), "word END");
  EXPECT_EQ(stop("stop", ""), "eos ");
}

TEST(LlamaCompletionFormat, TokensAndProbabilities) {
  const Json answer =
      Json::parse(format(true, true)
                      .whole({{.text = "a", .finish_reason = "stop", .tokens = kTokens}}, kUsage));
  EXPECT_EQ(answer["tokens"], Json::array({7}));
  const Json& first = answer["completion_probabilities"][0];
  EXPECT_EQ(first["id"], 7);
  EXPECT_EQ(first["token"], "a");
  EXPECT_EQ(first["top_logprobs"][0]["id"], 8);
}

TEST(LlamaCompletionFormat, EventsOfAStream) {
  LlamaCompletionFormat stream = format(true);
  EXPECT_EQ(stream.opening(0), "");
  const Json piece = event(stream.piece(0, {.text = "a\n", .tokens = kTokens}));
  EXPECT_EQ(
      piece.dump(),
      R"({"index":0,"content":"a\n","tokens":[7],"stop":false,"id_slot":-1,"tokens_evaluated":6})");
  EXPECT_EQ(stream.piece(0, {.text = {}, .finish_reason = "stop", .stop = "END"}), "");
  const Json last = event(stream.ending(kUsage));
  EXPECT_EQ(last["content"], "");
  EXPECT_EQ(last["stop"], true);
  EXPECT_EQ(last["has_new_line"], true);
  EXPECT_EQ(last["stopping_word"], "END");
  const Json failed = event(stream.failure(base::Error(base::ErrorCode::kUnavailable, "stopped")));
  EXPECT_EQ(failed["error"]["message"], "stopped");
}

}  // namespace
}  // namespace hub::api

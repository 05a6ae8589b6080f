#include "api/ollama/ollama_format.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"

namespace hub::api {
namespace {

using base::Json;
using Route = OllamaFormat::Route;

constexpr AnswerUsage kUsage{
    .prompt_tokens = 5,
    .completion_tokens = 3,
    .seconds = 0.5,
    .prefill_seconds = 0.125,
    .decode_seconds = 0.25};

OllamaFormat format(Route route, bool logprobs = false) {
  return {{.id = "", .model = "m:latest", .logprobs = logprobs, .load_seconds = 2.0}, route};
}

// With the time taken out, which is that of the test.
std::string plain(const std::string& line) {
  Json json = Json::parse(line);
  EXPECT_EQ(json["created_at"].get<std::string>().back(), 'Z');
  json.erase("created_at");
  return json.dump();
}

constexpr const char* kEnd =
    R"("total_duration":2500000000,"load_duration":2000000000,"prompt_eval_count":5,)"
    R"("prompt_eval_duration":125000000,"eval_count":3,"eval_duration":250000000})";

TEST(OllamaFormat, WholeAnswers) {
  EXPECT_EQ(
      plain(format(Route::kChat).whole({{.text = "Paris.", .finish_reason = "stop"}}, kUsage)),
      std::string(
          R"({"model":"m:latest","message":{"role":"assistant","content":"Paris."},)"
          R"("done":true,"done_reason":"stop",)") +
          kEnd);
  EXPECT_EQ(
      plain(format(Route::kGenerate).whole({{.text = "Pa", .finish_reason = "length"}}, kUsage)),
      std::string(R"({"model":"m:latest","response":"Pa","done":true,"done_reason":"length",)") +
          kEnd);
}

TEST(OllamaFormat, LinesOfAStream) {
  OllamaFormat stream = format(Route::kChat);
  EXPECT_EQ(stream.stream_type(), "application/x-ndjson");
  EXPECT_EQ(stream.opening(0), "");
  EXPECT_EQ(stream.keep_alive(), "");
  const std::string line = stream.piece(0, {.text = "a\nb"});
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  EXPECT_EQ(
      plain(line),
      R"({"model":"m:latest","message":{"role":"assistant","content":"a\nb"},"done":false})");
  EXPECT_EQ(stream.piece(0, {.text = {}, .finish_reason = "length"}), "");
  const std::string last = stream.ending(kUsage);
  EXPECT_EQ(last.back(), '\n');
  EXPECT_EQ(Json::parse(last)["done_reason"], "length");
  EXPECT_EQ(Json::parse(last)["eval_count"], 3);
}

TEST(OllamaFormat, ThoughtsAndCalls) {
  using Kind = chat::ChatPiece::Kind;
  const Json whole =
      Json::parse(format(Route::kChat)
                      .whole(
                          {{.text = "",
                            .finish_reason = "tool_calls",
                            .reasoning = "Hm.",
                            .calls = {{"c1", "f", R"({"a":1})"}, {"c2", "g", R"({"cut)"}}}},
                          kUsage));
  EXPECT_EQ(
      whole["message"].dump(),
      R"({"role":"assistant","content":"g {\"cut","tool_calls":[{"function":{"name":"f",)"
      R"("arguments":{"a":1}}}],"thinking":"Hm."})");
  EXPECT_EQ(whole["done_reason"], "stop");
  OllamaFormat stream = format(Route::kChat);
  EXPECT_EQ(
      Json::parse(stream.piece(0, {.text = "Hm.", .kind = Kind::kReasoning}))["message"].dump(),
      R"({"role":"assistant","content":"","thinking":"Hm."})");
  EXPECT_EQ(stream.piece(0, {.text = {}, .kind = Kind::kCallBegins, .call_name = "f"}), "");
  EXPECT_EQ(stream.piece(0, {.text = R"({"a")", .kind = Kind::kArguments}), "");
  EXPECT_EQ(stream.piece(0, {.text = ":1}", .kind = Kind::kArguments}), "");
  EXPECT_EQ(
      Json::parse(stream.piece(0, {.text = {}, .kind = Kind::kCallEnds}))["message"].dump(),
      R"({"role":"assistant","content":"","tool_calls":[{"function":{"name":"f",)"
      R"("arguments":{"a":1}}}]})");
  const Json thought =
      Json::parse(format(Route::kGenerate).piece(0, {.text = "Hm.", .kind = Kind::kReasoning}));
  EXPECT_EQ(thought["thinking"], "Hm.");
  EXPECT_EQ(thought["response"], "");
}

// Its arguments are no JSON, for it was cut off or badly written: what the model wrote is not lost.
TEST(OllamaFormat, ACallThatCannotBeMadeIsText) {
  using Kind = chat::ChatPiece::Kind;
  const Json whole = Json::parse(format(Route::kChat)
                                     .whole(
                                         {{.text = "Well.",
                                           .finish_reason = "stop",
                                           .calls = {{"c1", "f", "{bad}"}, {"c2", "g", ""}}}},
                                         kUsage));
  EXPECT_EQ(whole["message"].dump(), R"({"role":"assistant","content":"Well.\nf {bad}\ng"})");
  OllamaFormat stream = format(Route::kChat);
  std::string lines = stream.piece(0, {.text = "Well."});
  lines += stream.piece(0, {.text = {}, .kind = Kind::kCallBegins, .call_name = "f"});
  lines += stream.piece(0, {.text = "{bad}", .kind = Kind::kArguments});
  lines += stream.piece(0, {.text = {}, .kind = Kind::kCallEnds});
  lines += stream.piece(0, {.text = {}, .kind = Kind::kCallBegins, .call_name = "g"});
  lines += stream.piece(0, {.text = {}, .finish_reason = "length"});
  std::string text;
  for (std::size_t at = 0; at < lines.size();) {
    const std::size_t end = lines.find('\n', at);
    const Json line = Json::parse(lines.substr(at, end - at));
    EXPECT_FALSE(line["message"].contains("tool_calls"));
    text += line["message"]["content"].get<std::string>();
    at = end + 1;
  }
  EXPECT_EQ(text, whole["message"]["content"]);
}

TEST(OllamaFormat, Likelihoods) {
  const std::vector<AnswerToken> tokens{{.bytes = "Pa", .logprob = -0.5F, .id = 7}};
  const Json told =
      Json::parse(format(Route::kGenerate, true)
                      .whole({{.text = "Pa", .finish_reason = "stop", .tokens = tokens}}, kUsage));
  EXPECT_EQ(told["logprobs"][0]["token"], "Pa");
  EXPECT_EQ(told["logprobs"][0]["logprob"], -0.5);
  const Json untold =
      Json::parse(format(Route::kGenerate)
                      .whole({{.text = "Pa", .finish_reason = "stop", .tokens = tokens}}, kUsage));
  EXPECT_FALSE(untold.contains("logprobs"));
}

TEST(OllamaFormat, FailuresAndLoads) {
  EXPECT_EQ(
      format(Route::kChat).failure(base::Error(base::ErrorCode::kUnavailable, "stopped")),
      "{\"error\":\"stopped\"}\n");
  EXPECT_EQ(
      plain(ollama_load_answer(Route::kGenerate, "m", "load")),
      R"({"model":"m","response":"","done":true,"done_reason":"load"})");
}

TEST(OllamaFormat, Vectors) {
  const std::vector<std::vector<float>> vectors{{0.1F, -1.0F}, {2.0F, 0.5F}};
  const OllamaEmbedding embedding{
      .vectors = vectors, .model = "m", .prompt_tokens = 4, .seconds = 0.5, .load_seconds = 1.0};
  EXPECT_EQ(
      ollama_embed_answer(embedding),
      R"({"model":"m","embeddings":[[0.1,-1],[2,0.5]],"total_duration":1500000000,)"
      R"("load_duration":1000000000,"prompt_eval_count":4})");
  EXPECT_EQ(ollama_embeddings_answer(embedding), R"({"embedding":[0.1,-1]})");
}

}  // namespace
}  // namespace hub::api

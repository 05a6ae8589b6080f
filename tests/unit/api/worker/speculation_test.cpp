// Guessed tokens by way of the routes, on the real model.
#include "api/worker/chat_handler.h"
#include "api/worker/completion_handler.h"
#include "tests/unit/api/worker/generation_test.h"

namespace hub::api {
namespace {

class Speculation : public GenerationTest {
 protected:
  // The choices that the same request gets from an engine that guesses nothing.
  Json without(const Json& body) {
    engine::EngineConfig config = GenerationTest::config();
    config.speculative_tokens = 0;
    engine::Engine engine(config);
    const ServedModel plain{
        .name = model_.name,
        .engine = engine,
        .tokenizer = model_.tokenizer,
        .chat_template = model_.chat_template,
        .stop_ids = model_.stop_ids,
        .grammars = model_.grammars,
        .on_usage = [](const base::EngineUsage&) {}};
    const Json answer = json_of(handle_completion(plain, post(body)));
    EXPECT_EQ(answer["usage"]["completion_tokens_details"]["accepted_prediction_tokens"], 0);
    EXPECT_EQ(answer["usage"]["completion_tokens_details"]["rejected_prediction_tokens"], 0);
    return answer["choices"];
  }
};

TEST_F(Speculation, APredictionMakesNoOtherAnswer) {
  const std::string text = "one two three four five six seven eight nine ten eleven twelve";
  const Json body{
      {"prompt", "Count: " + text + "\nCount again: one two three"},
      {"prediction", {{"type", "content"}, {"content", text}}},
      {"logprobs", 2},
      {"temperature", 0.7},
      {"seed", 3},
      {"max_tokens", 24}};
  const Json answer = json_of(handle_completion(model_, post(body)));
  EXPECT_EQ(answer["choices"], without(body));
  const Json& details = answer["usage"]["completion_tokens_details"];
  EXPECT_GT(details["accepted_prediction_tokens"].get<int>(), 0);
  EXPECT_EQ(usages_.back().completion_tokens, answer["usage"]["completion_tokens"].get<int>());
}

TEST_F(Speculation, WhatAGrammarForcesIsGuessed) {
  const Json schema{
      {"type", "object"},
      {"properties", {{"is_the_sky_blue_today", {{"type", "boolean"}}}}},
      {"required", {"is_the_sky_blue_today"}},
      {"additionalProperties", false}};
  const Json body{
      {"prompt", "As JSON: "}, {"guided_json", schema}, {"temperature", 0}, {"max_tokens", 40}};
  const Json answer = json_of(handle_completion(model_, post(body)));
  EXPECT_EQ(answer["choices"], without(body));
  EXPECT_TRUE(
      Json::parse(answer["choices"][0]["text"].get<std::string>())
          .at("is_the_sky_blue_today")
          .is_boolean());
  const Json& details = answer["usage"]["completion_tokens_details"];
  EXPECT_GT(details["accepted_prediction_tokens"].get<int>(), 0);
}

}  // namespace
}  // namespace hub::api

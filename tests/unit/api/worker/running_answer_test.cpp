// How many answers a request gets, what is told of their tokens, and what they may look like.
#include "api/worker/running_answer.h"

#include <algorithm>

#include "api/worker/chat_handler.h"
#include "api/worker/completion_handler.h"
#include "api/worker/llama_cpp_handler.h"
#include "tests/unit/api/worker/generation_test.h"

namespace hub::api {
namespace {

TEST_F(GenerationTest, SeveralAnswersToAPromptHaveSeedsOneAfterAnother) {
  Json body = chat_body(8);
  body["temperature"] = 1.5;
  body["seed"] = 10;
  body["n"] = 3;
  const Json answer = json_of(handle_chat(model_, post(body)));
  ASSERT_EQ(answer["choices"].size(), 3U);
  EXPECT_EQ(answer["usage"]["completion_tokens"], 24);
  body["n"] = 1;
  for (int i = 0; i < 3; ++i) {
    body["seed"] = 10 + i;
    const Json alone = json_of(handle_chat(model_, post(body)));
    EXPECT_EQ(
        answer["choices"][static_cast<std::size_t>(i)]["message"], alone["choices"][0]["message"]);
    EXPECT_EQ(answer["choices"][static_cast<std::size_t>(i)]["index"], i);
    EXPECT_EQ(alone["usage"]["prompt_tokens"], answer["usage"]["prompt_tokens"]);
  }
  EXPECT_NE(answer["choices"][0]["message"], answer["choices"][1]["message"]);
}

TEST_F(GenerationTest, WhatWasCachedOfAPromptIsCountedOnce) {
  Json body = chat_body(4);
  body["messages"][0]["content"] = std::string(600, 'a') + " What is that?";
  static_cast<void>(handle_chat(model_, post(body)));
  const Json one = json_of(handle_chat(model_, post(body)))["usage"];
  body["n"] = 4;
  const Json four = json_of(handle_chat(model_, post(body)))["usage"];
  EXPECT_GT(one["prompt_tokens_details"]["cached_tokens"], 0);
  EXPECT_EQ(four["prompt_tokens"], one["prompt_tokens"]);
  EXPECT_LT(four["prompt_tokens_details"]["cached_tokens"], four["prompt_tokens"]);
}

// The sum of its tokens' logprobs, by their number.
double mean_logprob(const Json& choice) {
  const Json& content = choice["logprobs"]["content"];
  double sum = 0.0;
  for (const Json& token : content) {
    sum += token["logprob"].get<double>();
  }
  return sum / static_cast<double>(content.size());
}

TEST_F(GenerationTest, BestOfTellsTheLikeliest) {
  Json body = chat_body(8);
  body["temperature"] = 1.5;
  body["seed"] = 10;
  body["logprobs"] = true;
  body["n"] = 4;
  std::vector<double> all;
  const Json four = json_of(handle_chat(model_, post(body)));
  for (const Json& choice : four["choices"]) {
    all.push_back(mean_logprob(choice));
  }
  body["n"] = 1;
  body["best_of"] = 4;
  const Json best = json_of(handle_chat(model_, post(body)));
  ASSERT_EQ(best["choices"].size(), 1U);
  EXPECT_EQ(best["usage"]["completion_tokens"], 32);
  EXPECT_EQ(mean_logprob(best["choices"][0]), *std::ranges::max_element(all));
}

TEST_F(GenerationTest, LogprobsAreTheSameStreamedAndWhole) {
  Json body = chat_body(12);
  body["logprobs"] = true;
  body["top_logprobs"] = 2;
  const Json whole = json_of(handle_chat(model_, post(body)))["choices"][0]["logprobs"]["content"];
  ASSERT_FALSE(whole.empty());
  for (const Json& token : whole) {
    ASSERT_EQ(token["top_logprobs"].size(), 2U);
    EXPECT_EQ(token["top_logprobs"][0]["token"], token["token"]);  // temperature 0
    EXPECT_GE(token["logprob"], token["top_logprobs"][1]["logprob"]);
  }
  body["stream"] = true;
  SseClient client;
  const Request request = post(body);
  handle_chat(model_, request).stream(client);
  Json streamed = Json::array();
  for (const std::string& event : client.events()) {
    if (event != "[DONE]") {
      const Json logprobs = Json::parse(event)["choices"][0]["logprobs"];
      if (!logprobs.is_null()) {
        streamed.insert(streamed.end(), logprobs["content"].begin(), logprobs["content"].end());
      }
    }
  }
  EXPECT_EQ(streamed, whole);
}

TEST_F(GenerationTest, ChoicesStreamBesideEachOther) {
  const Request request = post(
      {{"prompt", "Once upon a time"},
       {"n", 2},
       {"max_tokens", 20},
       {"stream", true},
       {"seed", 1},
       {"ignore_eos", true}});
  SseClient client;
  handle_completion(model_, request).stream(client);
  std::vector<int> order;
  for (const std::string& event : client.events()) {
    if (event != "[DONE]") {
      order.push_back(Json::parse(event)["choices"][0]["index"].get<int>());
    }
  }
  // The second one spoke before the first one ended.
  const auto second = std::ranges::find(order, 1);
  ASSERT_NE(second, order.end());
  EXPECT_NE(std::find(second, order.end(), 0), order.end());
}

TEST_F(GenerationTest, BiasAndEndsAreObeyed) {
  Json body = chat_body(6);
  const int paris = model_.tokenizer->encode(" Paris").at(0);
  body["logit_bias"] = {{std::to_string(paris), 100}};
  EXPECT_EQ(
      json_of(handle_chat(model_, post(body)))["choices"][0]["message"]["content"],
      " Paris Paris Paris Paris Paris Paris");
  body.erase("logit_bias");
  body["max_tokens"] = 60;
  const Json plain = json_of(handle_chat(model_, post(body)));
  EXPECT_LT(plain["usage"]["completion_tokens"], 60);
  body["ignore_eos"] = true;
  EXPECT_EQ(json_of(handle_chat(model_, post(body)))["usage"]["completion_tokens"], 60);
  body.erase("ignore_eos");
  body["min_tokens"] = 40;
  EXPECT_GE(json_of(handle_chat(model_, post(body)))["usage"]["completion_tokens"], 40);
  body.erase("min_tokens");
  body["stop_token_ids"] = {model_.tokenizer->encode(" Paris").at(0)};
  const Json stopped = json_of(handle_chat(model_, post(body)));
  EXPECT_EQ(stopped["choices"][0]["message"]["content"], "The capital of France is");
  EXPECT_EQ(stopped["choices"][0]["finish_reason"], "stop");
}

TEST_F(GenerationTest, TokenIdsOutsideTheVocabularyAreRefused) {
  Json body = chat_body(4);
  body["logit_bias"] = {{"49152", 1}};
  EXPECT_EQ(refusal(handle_chat, body).param(), "logit_bias");
  body.erase("logit_bias");
  body["stop_token_ids"] = {49152};
  EXPECT_EQ(refusal(handle_chat, body).param(), "stop_token_ids");
  EXPECT_EQ(refusal(handle_llama_completion, {{"prompt", {1, 49152}}}).param(), "prompt");
}

// The compiler reads the translation of a GBNF: its places say nothing to the client.
TEST_F(GenerationTest, AGbnfThatCannotBeUsedIsNamedWithoutAPlace) {
  const base::Error error =
      refusal(handle_llama_completion, {{"prompt", "Hi"}, {"grammar", "root ::= \"a\"{0}"}});
  EXPECT_EQ(error.code(), base::ErrorCode::kInvalidArgument);
  EXPECT_EQ(error.param(), "grammar");
  EXPECT_STREQ(error.what(), "'grammar' cannot be used: End number in range cannot be 0");
}

TEST_F(GenerationTest, AnswersLookAsTheyMust) {
  Json body = chat_body(200);
  body["temperature"] = 1.5;
  body["seed"] = 3;
  body["n"] = 4;
  body["response_format"] = Json::parse(R"({"type":"json_schema","json_schema":{"name":"city",
      "schema":{"type":"object","properties":{
          "name":{"type":"string","maxLength":20},"capital":{"type":"boolean"},
          "rank":{"enum":[1,2,3]}},
        "required":["name","capital","rank"],"additionalProperties":false}}})");
  const Json answer = json_of(handle_chat(model_, post(body)));
  for (const Json& choice : answer["choices"]) {
    EXPECT_EQ(choice["finish_reason"], "stop");
    const Json city = Json::parse(choice["message"]["content"].get<std::string>());
    EXPECT_TRUE(city.at("name").is_string() && city.at("capital").is_boolean());
    EXPECT_GE(city.at("rank").get<int>(), 1);
    EXPECT_EQ(city.size(), 3U);
  }
  body["response_format"]["json_schema"]["schema"] = {{"type", "nonsense"}};
  EXPECT_EQ(refusal(handle_chat, body).code(), base::ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace hub::api

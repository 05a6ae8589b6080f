// Prompts that answers begin with, and the likelihood of their tokens.
#include "api/openai/answer_logprobs.h"
#include "api/worker/completion_handler.h"
#include "api/worker/told_tokens.h"
#include "tests/unit/api/worker/generation_test.h"

namespace hub::api {
namespace {

constexpr const char* kText = "The café in Paris 🙂 is open";

class Echo : public GenerationTest {
 protected:
  static Json body(const Json& prompt, int max_tokens) {
    return {
        {"prompt", prompt},
        {"echo", true},
        {"logprobs", 2},
        {"temperature", 0},
        {"max_tokens", max_tokens}};
  }
  Json answer(const Json& asked) { return json_of(handle_completion(model_, post(asked))); }
};

TEST_F(Echo, TellsThePromptsTokensAndThenTheAnswers) {
  const Json told = answer(body(kText, 3));
  const Json& choice = told["choices"][0];
  const auto prompt_tokens = told["usage"]["prompt_tokens"].get<std::size_t>();
  const Json& logprobs = choice["logprobs"];
  for (const char* column : {"tokens", "token_logprobs", "top_logprobs", "text_offset"}) {
    EXPECT_EQ(logprobs[column].size(), prompt_tokens + 3) << column;
  }
  EXPECT_TRUE(logprobs["token_logprobs"][0].is_null());
  EXPECT_TRUE(logprobs["top_logprobs"][0].is_null());
  const auto text = choice["text"].get<std::string>();
  EXPECT_TRUE(text.starts_with(kText)) << text;
  for (std::size_t i = 1; i < prompt_tokens + 3; ++i) {
    EXPECT_LE(logprobs["token_logprobs"][i].get<double>(), 0.0);
    EXPECT_FALSE(logprobs["top_logprobs"][i].empty());
  }
  // The same tokens without echo have the same numbers.
  Json plain = body(kText, 3);
  plain["echo"] = false;
  const Json alone = answer(plain);
  const Json& generated = alone["choices"][0]["logprobs"];
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(generated["token_logprobs"][i], logprobs["token_logprobs"][prompt_tokens + i]);
  }
  EXPECT_EQ(text, kText + alone["choices"][0]["text"].get<std::string>());
}

// Each token that is text stands in the choice's text where its offset says.
// A row that is not finite ends the scores: what follows has none.
TEST_F(Echo, TokensThatWereNotScoredHaveNoLikelihood) {
  const std::vector<int> prompt = model_.tokenizer->encode("One two three");
  ASSERT_GE(prompt.size(), 3U);
  const std::vector<engine::TextToken> scores{
      {.drawn = {.token = prompt[1], .logprob = -0.5F}, .top = {}}};
  const PromptEcho echo = echo_of(model_.tokenizer, prompt, &scores);
  ASSERT_EQ(echo.tokens.size(), prompt.size());
  EXPECT_EQ(echo.text, "One two three");
  EXPECT_FALSE(echo.tokens[0].logprob);
  EXPECT_EQ(echo.tokens[1].logprob, -0.5F);
  EXPECT_FALSE(echo.tokens[2].logprob);
  EXPECT_EQ(echo.tokens[2].id, prompt[2]);
}

TEST_F(Echo, OffsetsCountTheTextsCharacters) {
  const Json choice = answer(body(kText, 2))["choices"][0];
  const auto text = choice["text"].get<std::string>();
  std::vector<std::size_t> begins;  // of each character, in bytes
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (character_count(text.substr(i, 1)) == 1) {
      begins.push_back(i);
    }
  }
  std::size_t last = 0;
  for (std::size_t i = 0; i < choice["logprobs"]["tokens"].size(); ++i) {
    const auto token = choice["logprobs"]["tokens"][i].get<std::string>();
    const auto offset = choice["logprobs"]["text_offset"][i].get<std::size_t>();
    EXPECT_GE(offset, last);
    last = offset;
    if (token.find("\xef\xbf\xbd") == std::string::npos) {
      ASSERT_LT(offset, begins.size());
      EXPECT_EQ(text.substr(begins[offset], token.size()), token) << i;
    }
  }
}

TEST_F(Echo, TokensAndTextsInBatchesSayTheSame) {
  const std::vector<int> tokens = model_.tokenizer->encode(kText, true);
  const Json alone = answer(body(kText, 1))["choices"][0];
  const Json ids = answer(body(Json::array({tokens, {504, 3575}}), 1))["choices"];
  const Json texts = answer(body(Json::array({kText, "One, two"}), 1))["choices"];
  ASSERT_EQ(ids.size(), 2U);
  EXPECT_EQ(ids[0], alone);
  EXPECT_EQ(texts[0], alone);
  EXPECT_EQ(ids[1]["index"], 1);
  EXPECT_EQ(ids[1]["logprobs"]["tokens"].size(), 3U);
  EXPECT_TRUE(texts[1]["text"].get<std::string>().starts_with("One, two"));
}

TEST_F(Echo, WithoutTokensTheAnswerIsThePrompt) {
  const Json told = answer(body(kText, 0));
  const Json& choice = told["choices"][0];
  EXPECT_EQ(choice["text"], kText);
  EXPECT_EQ(choice["finish_reason"], "length");
  EXPECT_EQ(told["usage"]["completion_tokens"], 0);
  EXPECT_EQ(choice["logprobs"]["tokens"].size(), told["usage"]["prompt_tokens"].get<std::size_t>());
  Json plain = body(kText, 0);
  plain.erase("logprobs");
  EXPECT_EQ(answer(plain)["choices"][0]["text"], kText);
  EXPECT_TRUE(answer(plain)["choices"][0]["logprobs"].is_null());
}

TEST_F(Echo, EachOfSeveralAnswersBeginsWithThePrompt) {
  Json asked = body(kText, 4);
  asked["temperature"] = 1.5;
  asked["seed"] = 3;
  asked["n"] = 2;
  asked["best_of"] = 3;
  const Json choices = answer(asked)["choices"];
  ASSERT_EQ(choices.size(), 2U);
  const auto told = model_.tokenizer->encode(kText, true).size();
  for (std::size_t i = 1; i < told; ++i) {
    EXPECT_EQ(
        choices[0]["logprobs"]["token_logprobs"][i], choices[1]["logprobs"]["token_logprobs"][i]);
  }
  EXPECT_TRUE(choices[1]["text"].get<std::string>().starts_with(kText));
}

TEST_F(Echo, AStreamSaysTheSame) {
  Json asked = body(Json::array({kText, "One, two"}), 3);
  const Json whole = answer(asked)["choices"];
  asked["stream"] = true;
  SseClient client;
  const Request request = post(asked);
  handle_completion(model_, request).stream(client);
  for (std::size_t choice = 0; choice < 2; ++choice) {
    std::string text;
    Json offsets = Json::array();
    for (const std::string& event : client.events()) {
      if (event == "[DONE]") {
        continue;
      }
      const Json piece = Json::parse(event)["choices"][0];
      if (piece["index"] == choice) {
        text += piece["text"].get<std::string>();
        const Json& more = piece["logprobs"]["text_offset"];
        offsets.insert(offsets.end(), more.begin(), more.end());
      }
    }
    EXPECT_EQ(text, whole[choice]["text"]);
    EXPECT_EQ(offsets, whole[choice]["logprobs"]["text_offset"]);
  }
}

TEST_F(Echo, AnEndTokenIsCountedThough) {
  Json asked = body(kText, 1);
  const Json first = answer(asked)["choices"][0];
  const int drawn =
      model_.tokenizer->encode(first["logprobs"]["tokens"].back().get<std::string>())[0];
  asked["stop_token_ids"] = {drawn};
  const Json stopped = answer(asked)["choices"][0];
  EXPECT_EQ(stopped["finish_reason"], "stop");
  EXPECT_EQ(stopped["text"], kText);
  EXPECT_EQ(stopped["logprobs"]["tokens"], first["logprobs"]["tokens"]);
  EXPECT_EQ(stopped["logprobs"]["token_logprobs"], first["logprobs"]["token_logprobs"]);
  asked["echo"] = false;
  EXPECT_TRUE(answer(asked)["choices"][0]["logprobs"]["tokens"].empty());
}

}  // namespace
}  // namespace hub::api

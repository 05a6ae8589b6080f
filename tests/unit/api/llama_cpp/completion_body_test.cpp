#include "api/llama_cpp/completion_body.h"

#include <limits>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"

namespace hub::api {
namespace {

using base::Json;

LlamaCompletion read(Json more = Json::object()) {
  Json json = {{"prompt", "Hi"}};
  json.update(more);
  return LlamaCompletion::from_json(json);
}

void expect_refused(const Json& more, const std::string& param, const std::string& reason = "") {
  try {
    static_cast<void>(read(more));
    ADD_FAILURE() << "accepted: " << more.dump();
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::ErrorCode::kInvalidArgument) << error.what();
    EXPECT_EQ(error.param(), param) << error.what();
    EXPECT_EQ(error.reason(), reason) << error.what();
  }
}

TEST(LlamaCompletion, ReadsLlamaCppsNames) {
  const GenerationOptions options = read({{"n_predict", 9},
                                          {"temperature", 0.5},
                                          {"typical_p", 0.75},
                                          {"repeat_penalty", 1.5},
                                          {"presence_penalty", 0.5},
                                          {"seed", 3},
                                          {"stop", {"END"}},
                                          {"cache_prompt", true},
                                          {"id_slot", -1},
                                          {"samplers", {"top_k"}},
                                          {"logit_bias", {{15, 1.5}, {16, false}}}})
                                        .completion.options;
  EXPECT_EQ(options.max_tokens, 9);
  EXPECT_FLOAT_EQ(options.sampling.temperature, 0.5F);
  EXPECT_FLOAT_EQ(options.sampling.typical_p, 0.75F);
  EXPECT_FLOAT_EQ(options.sampling.rules.repetition_penalty, 1.5F);
  EXPECT_EQ(options.sampling.rules.repetition_context, 64);
  EXPECT_EQ(options.sampling.rules.presence_context, 64);
  EXPECT_EQ(options.sampling.seed, 3U);
  EXPECT_EQ(options.stop, std::vector<std::string>{"END"});
  EXPECT_EQ(
      options.sampling.rules.bias, (std::vector<std::pair<int, float>>{{15, 1.5F}, {16, -100.0F}}));
  EXPECT_FALSE(options.logprobs);
}

TEST(LlamaCompletion, PenaltiesOfNoTokensAreOff) {
  const auto rules = read({{"repeat_last_n", 0}, {"repeat_penalty", 1.5}, {"presence_penalty", 1}})
                         .completion.options.sampling.rules;
  EXPECT_FLOAT_EQ(rules.repetition_penalty, 1.0F);
  EXPECT_FLOAT_EQ(rules.presence_penalty, 0.0F);
  EXPECT_EQ(
      read({{"repeat_last_n", -1}}).completion.options.sampling.rules.repetition_context,
      std::numeric_limits<int>::max());
}

TEST(LlamaCompletion, PromptsAreATextOrTokens) {
  EXPECT_EQ(std::get<std::string>(read().completion.prompts.at(0)), "Hi");
  EXPECT_EQ(
      std::get<std::vector<int>>(read({{"prompt", {1, 2}}}).completion.prompts.at(0)),
      (std::vector<int>{1, 2}));
  expect_refused({{"prompt", {"a", "b"}}}, "prompt", "unsupported_parameter");
  expect_refused({{"prompt", {1, "b"}}}, "prompt[1]");
  expect_refused({{"prompt", 7}}, "prompt");
}

TEST(LlamaCompletion, ProbabilitiesAndTokens) {
  const LlamaCompletion both = read({{"n_probs", 3}, {"return_tokens", true}});
  EXPECT_TRUE(both.tells_probabilities);
  EXPECT_TRUE(both.return_tokens);
  EXPECT_TRUE(both.completion.options.logprobs);
  EXPECT_EQ(both.completion.options.sampling.top_logprobs, 3);
  const LlamaCompletion tokens = read({{"return_tokens", true}});
  EXPECT_FALSE(tokens.tells_probabilities);
  EXPECT_TRUE(tokens.completion.options.logprobs);
  expect_refused({{"n_probs", 21}}, "n_probs");
}

TEST(LlamaCompletion, GrammarsAreTranslated) {
  const auto grammar = read({{"grammar", "root ::= \"a\""}}).completion.options.grammar;
  ASSERT_TRUE(grammar);
  EXPECT_EQ(grammar->kind, text::GrammarSpec::Kind::kLark);
  EXPECT_FALSE(read({{"grammar", ""}}).completion.options.grammar);
  EXPECT_EQ(
      read({{"json_schema", {{"type", "object"}}}}).completion.options.grammar->kind,
      text::GrammarSpec::Kind::kJsonSchema);
  expect_refused({{"grammar", "start ::= \"a\""}}, "grammar");
}

TEST(LlamaCompletion, NamesTheFieldThatTheClientSent) {
  expect_refused({{"n_predict", 0}}, "n_predict");
  expect_refused({{"repeat_penalty", -1}}, "repeat_penalty");
  expect_refused({{"mirostat", 2}}, "mirostat", "unsupported_parameter");
  expect_refused({{"dynatemp_range", 0.5}}, "dynatemp_range", "unsupported_parameter");
  expect_refused({{"lora", {{{"id", 0}}}}}, "lora", "unsupported_parameter");
  expect_refused({{"logit_bias", {{"a", 1}}}}, "logit_bias");
  EXPECT_EQ(read({{"seed", -1}}).completion.options.sampling.seed, std::nullopt);
  EXPECT_EQ(read({{"seed", 4294967295}}).completion.options.sampling.seed, std::nullopt);
}

}  // namespace
}  // namespace hub::api

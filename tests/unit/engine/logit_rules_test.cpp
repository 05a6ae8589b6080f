#include "core/engine/logit_rules.h"

#include <cmath>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/unit/engine/sampling_golden.h"

namespace hub::engine {
namespace {

using base::Json;

// make_logits_processors' arguments in our words; its contexts have 20 tokens where none is given.
LogitRules rules_of(const Json& arguments) {
  LogitRules rules;
  const Json biases = arguments.value("logit_bias", Json::object());
  for (const auto& [token, bias] : biases.items()) {
    rules.bias.emplace_back(std::stoi(token), bias.get<float>());
  }
  rules.repetition_penalty = arguments.value("repetition_penalty", 1.0F);
  rules.repetition_context = arguments.value("repetition_context_size", 20);
  rules.presence_penalty = arguments.value("presence_penalty", 0.0F);
  rules.presence_context = arguments.value("presence_context_size", 20);
  rules.frequency_penalty = arguments.value("frequency_penalty", 0.0F);
  rules.frequency_context = arguments.value("frequency_context_size", 20);
  return rules;
}

// Within 1e-6: mlx-lm computes the same few float32 operations.
TEST(LogitRules, AreMlxLmsProcessors) {
  const Json golden = test::sampling_golden();
  const auto tokens = golden.at("tokens").get<std::vector<int>>();
  for (const Json& run : golden.at("rules")) {
    auto logits = golden.at("logits").get<std::vector<float>>();
    const LogitRules rules = rules_of(run.at("arguments"));
    EXPECT_TRUE(changes_logits(rules));
    change_logits(logits, rules, {.all = tokens});
    const auto wanted = run.at("logits").get<std::vector<float>>();
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      EXPECT_NEAR(logits[i], wanted[i], 1e-6) << run.at("arguments") << " at " << i;
    }
  }
}

TEST(LogitRules, WithoutRulesNothingChanges) {
  EXPECT_FALSE(changes_logits({}));
  std::vector<float> logits = {1.0F, -2.0F};
  const std::vector<int> said = {0, 1};
  change_logits(logits, {}, {.all = said});
  EXPECT_EQ(logits, (std::vector<float>{1.0F, -2.0F}));
}

TEST(LogitRules, OpenAIsPenaltiesCountTheAnswerAlone) {
  const std::vector<int> said = {0, 0, 1, 2, 2};  // 0, 0, 1 is the prompt
  std::vector<float> logits(4, 0.0F);
  change_logits(
      logits,
      {.presence_penalty = 1.0F, .frequency_penalty = 0.25F},
      {.all = said, .prompt_length = 3});
  EXPECT_EQ(logits, (std::vector<float>{0.0F, 0.0F, -1.5F, 0.0F}));
}

TEST(LogitRules, TokensOutsideTheVocabularyArePassedOver) {
  const std::vector<int> said = {9, 9, 9};
  std::vector<float> logits(2, 1.0F);
  change_logits(
      logits,
      {.bias = {{9, 5.0F}, {-1, 5.0F}},
       .repetition_penalty = 2.0F,
       .dry = {.multiplier = 1.0F, .allowed_length = 1}},
      {.all = said});
  EXPECT_EQ(logits, (std::vector<float>{1.0F, 1.0F}));
}

std::vector<float> after_dry(const std::vector<int>& said, const LogitRules::Dry& dry) {
  std::vector<float> logits(10, 0.0F);
  change_logits(logits, {.dry = dry}, {.all = said});
  return logits;
}

TEST(LogitRules, DryTakesMoreTheLongerTheRepetition) {
  // 1 2 3 stands twice: 4 would go on with three tokens, and 5 follows a 3 alone.
  const std::vector<int> said = {1, 2, 3, 4, 9, 3, 5, 1, 2, 3};
  const auto logits = after_dry(said, {.multiplier = 0.8F, .base = 1.75F, .allowed_length = 2});
  EXPECT_FLOAT_EQ(logits[4], -0.8F * 1.75F);
  EXPECT_EQ(logits[5], 0.0F);
  const auto shorter = after_dry(said, {.multiplier = 0.8F, .base = 1.75F, .allowed_length = 1});
  EXPECT_FLOAT_EQ(shorter[4], -0.8F * 1.75F * 1.75F);
  EXPECT_FLOAT_EQ(shorter[5], -0.8F);
}

TEST(LogitRules, DryStopsAtBreakersAndAtItsContext) {
  const std::vector<int> said = {1, 2, 3, 4, 1, 2, 3};
  EXPECT_LT(after_dry(said, {.multiplier = 1.0F})[4], 0.0F);
  EXPECT_EQ(after_dry(said, {.multiplier = 1.0F, .breakers = {3}})[4], 0.0F);
  EXPECT_EQ(after_dry(said, {.multiplier = 1.0F, .breakers = {2}})[4], 0.0F);
  EXPECT_EQ(after_dry(said, {.multiplier = 1.0F, .context = 4})[4], 0.0F);
}

TEST(LogitRules, DryStaysFiniteOnALongRepetition) {
  const std::vector<int> said(4000, 7);
  const auto logits = after_dry(said, {.multiplier = 0.8F});
  EXPECT_TRUE(std::isfinite(logits[7]));
  EXPECT_LT(logits[7], -1e6F);
}

}  // namespace
}  // namespace hub::engine

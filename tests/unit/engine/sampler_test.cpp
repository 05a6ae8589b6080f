#include "core/engine/sampler.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <numeric>
#include <set>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/unit/engine/sampling_golden.h"

namespace hub::engine {
namespace {

constexpr int kDraws = 40000;

// Probabilities 0.5, 0.3, 0.15, 0.05 at ids 3, 0, 2, 1.
std::vector<float> four_logits() {
  return {std::log(0.3F), std::log(0.05F), std::log(0.15F), std::log(0.5F)};
}

std::set<int> drawn_set(
    const std::vector<float>& logits, const SamplingParams& params, int draws = 2000) {
  Sampler sampler;
  std::set<int> seen;
  for (int i = 0; i < draws; ++i) {
    seen.insert(sampler.draw(logits, params, 7, static_cast<std::uint64_t>(i)).value().token);
  }
  return seen;
}

TEST(Sampler, GreedyTakesTheLowestIdAmongEquals) {
  Sampler sampler;
  const std::vector<float> logits = {1.0F, 3.0F, 3.0F, 2.0F};
  EXPECT_EQ(sampler.draw(logits, {.temperature = 0.0F}, 1, 2).value().token, 1);
}

TEST(Sampler, LogprobIsOfTheModelsOwnDistribution) {
  Sampler sampler;
  const std::vector<float> logits = four_logits();
  const Drawn drawn = sampler.draw(logits, {.temperature = 0.0F}, 1, 0).value();
  EXPECT_EQ(drawn.token, 3);
  EXPECT_NEAR(drawn.logprob, std::log(0.5F), 1e-6);
  const Drawn hot = sampler.draw(logits, {.temperature = 2.0F, .top_k = 1}, 1, 0).value();
  EXPECT_NEAR(hot.logprob, std::log(0.5F), 1e-6);
}

TEST(Sampler, AScoreIsWhatADrawSays) {
  Sampler sampler;
  const std::vector<float> logits = four_logits();
  const Drawn drawn = sampler.draw(logits, {.temperature = 0.0F, .top_logprobs = 2}, 1, 0).value();
  const TextToken scored = sampler.score(logits, drawn.token, 2).value();
  EXPECT_EQ(scored.drawn.logprob, drawn.logprob);
  ASSERT_EQ(scored.top.size(), 2U);
  EXPECT_EQ(scored.top[0].token, drawn.token);
  EXPECT_EQ(scored.top[1].logprob, drawn.top[1].logprob);
  const TextToken other = sampler.score(logits, 1, 0).value();
  EXPECT_NEAR(other.drawn.logprob, std::log(0.05F), 1e-6);
  EXPECT_TRUE(other.top.empty());
  EXPECT_FALSE(sampler.score(std::vector<float>{1.0F, std::nanf("")}, 0, 1));
}

TEST(Sampler, FrequenciesFollowTheTemperedDistribution) {
  Sampler sampler;
  const std::vector<float> logits = four_logits();
  for (const float temperature : {1.0F, 0.5F, 2.0F}) {
    std::map<int, int> counts;
    for (int i = 0; i < kDraws; ++i) {
      const auto position = static_cast<std::uint64_t>(i);
      ++counts[sampler.draw(logits, {.temperature = temperature}, 99, position).value().token];
    }
    double sum = 0.0;
    for (const float logit : logits) {
      sum += std::exp(logit / temperature);
    }
    for (int id = 0; id < 4; ++id) {
      const double wanted = std::exp(logits[static_cast<std::size_t>(id)] / temperature) / sum;
      EXPECT_NEAR(static_cast<double>(counts[id]) / kDraws, wanted, 0.01) << id;
    }
  }
}

TEST(Sampler, TopPKeepsTheSmallestSetThatReachesIt) {
  EXPECT_EQ(drawn_set(four_logits(), {.top_p = 0.45F}), (std::set<int>{3}));
  EXPECT_EQ(drawn_set(four_logits(), {.top_p = 0.6F}), (std::set<int>{0, 3}));
  EXPECT_EQ(drawn_set(four_logits(), {.top_p = 0.9F}), (std::set<int>{0, 2, 3}));
  EXPECT_EQ(drawn_set(four_logits(), {.top_p = 1.0F}), (std::set<int>{0, 1, 2, 3}));
  EXPECT_EQ(drawn_set(four_logits(), {.top_p = 0.0F}), (std::set<int>{3}));
}

TEST(Sampler, TopPKeepsEqualsOfTheLastToken) {
  const std::vector<float> logits = {0.0F, 0.0F, 0.0F, -30.0F};
  EXPECT_EQ(drawn_set(logits, {.top_p = 0.5F}), (std::set<int>{0, 1, 2}));
}

TEST(Sampler, TopPIsTakenBeforeTemperature) {
  // At temperature 4 the distribution is nearly flat, yet the set stays that of temperature 1.
  EXPECT_EQ(drawn_set(four_logits(), {.temperature = 4.0F, .top_p = 0.6F}), (std::set<int>{0, 3}));
}

TEST(Sampler, MinPScalesWithTheMostLikelyToken) {
  EXPECT_EQ(drawn_set(four_logits(), {.min_p = 0.5F}), (std::set<int>{0, 3}));  // 0.3 >= 0.25
  EXPECT_EQ(drawn_set(four_logits(), {.min_p = 0.2F}), (std::set<int>{0, 2, 3}));
}

TEST(Sampler, TopKKeepsThatMany) {
  EXPECT_EQ(drawn_set(four_logits(), {.top_k = 2}), (std::set<int>{0, 3}));
  EXPECT_EQ(drawn_set(four_logits(), {.top_k = 100}), (std::set<int>{0, 1, 2, 3}));
  const std::vector<float> equal(6, 1.0F);
  EXPECT_EQ(drawn_set(equal, {.top_k = 2}), (std::set<int>{0, 1}));
}

TEST(Sampler, FiltersCombine) {
  EXPECT_EQ(drawn_set(four_logits(), {.top_p = 0.9F, .top_k = 1}), (std::set<int>{3}));
  EXPECT_EQ(
      drawn_set(four_logits(), {.top_p = 0.99F, .top_k = 3, .min_p = 0.5F}), (std::set<int>{0, 3}));
}

TEST(Sampler, SeedAndPositionDecideAlone) {
  std::vector<float> logits(1000);
  for (std::size_t i = 0; i < logits.size(); ++i) {
    logits[i] = static_cast<float>(uniform_at(5, i));
  }
  Sampler one;
  Sampler other;
  std::set<int> tokens;
  for (std::uint64_t position = 0; position < 50; ++position) {
    const int token = one.draw(logits, {}, 42, position).value().token;
    // The other one draws something else in between, as in a batch.
    static_cast<void>(other.draw(four_logits(), {.top_p = 0.5F}, position, 1));
    EXPECT_EQ(other.draw(logits, {}, 42, position).value().token, token);
    tokens.insert(token);
  }
  EXPECT_GT(tokens.size(), 40U);
  EXPECT_NE(uniform_at(1, 0), uniform_at(0, 1));
}

TEST(Sampler, LargeVocabularyTopPMatchesAPlainSort) {
  std::vector<float> logits(20000);
  for (std::size_t i = 0; i < logits.size(); ++i) {
    logits[i] = 12.0F * static_cast<float>(uniform_at(11, i));
  }
  std::vector<float> sorted = logits;
  std::ranges::sort(sorted, std::greater<>());
  double total = 0.0;
  for (const float logit : sorted) {
    total += std::exp(static_cast<double>(logit));
  }
  double above = 0.0;
  float threshold = 0.0F;
  for (const float logit : sorted) {
    if (above >= 0.3 * total) {
      break;
    }
    threshold = logit;
    above += std::exp(static_cast<double>(logit));
  }
  for (const int token : drawn_set(logits, {.top_p = 0.3F}, 500)) {
    EXPECT_GE(logits[static_cast<std::size_t>(token)], threshold);
  }
}

// The filters look at few of many tokens; a plain sort tells what they must keep.
TEST(Sampler, LargeVocabularyTopKMatchesAPlainSort) {
  std::vector<float> logits(20000);
  for (std::size_t i = 0; i < logits.size(); ++i) {
    logits[i] = static_cast<float>(static_cast<int>(100.0 * uniform_at(13, i)));  // many equals
  }
  std::vector<int> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::sort(order, std::less<>(), [&](int i) {
    return std::pair(-logits[static_cast<std::size_t>(i)], i);
  });
  for (const int k : {1, 5, 70, 90}) {
    const std::set<int> wanted(order.begin(), order.begin() + k);
    EXPECT_EQ(drawn_set(logits, {.temperature = 50.0F, .top_k = k}, 12 * k + 100), wanted) << k;
  }
}

TEST(Sampler, UnfilteredDrawsReachEveryBlock) {
  const std::vector<float> logits(5000, 1.0F);
  const std::set<int> seen = drawn_set(logits, {}, 3000);
  EXPECT_GT(seen.size(), 2000U);
  EXPECT_LT(*seen.begin(), 50);
  EXPECT_GT(*seen.rbegin(), 4950);
  std::vector<float> masked(5000, -std::numeric_limits<float>::infinity());
  masked[3000] = 0.0F;
  EXPECT_EQ(drawn_set(masked, {}, 100), std::set<int>{3000});
  EXPECT_EQ(drawn_set(masked, {.temperature = 0.5F}, 100), std::set<int>{3000});
}

// mlx-lm's chain leaves the same tokens.
TEST(Sampler, FiltersKeepWhatMlxLmKeeps) {
  const base::Json golden = test::sampling_golden();
  const auto logits = golden.at("logits").get<std::vector<float>>();
  for (const base::Json& run : golden.at("filters")) {
    const base::Json& arguments = run.at("arguments");
    const SamplingParams params{
        .temperature = 20.0F,  // so that every token that is kept comes
        .top_p = arguments.value("top_p", 1.0F),
        .top_k = arguments.value("top_k", 0),
        .min_p = arguments.value("min_p", 0.0F),
        .xtc_probability = arguments.contains("xtc_threshold") ? 1.0F : 0.0F,
        .xtc_threshold = arguments.value("xtc_threshold", 0.1F),
        .xtc_exempt = arguments.value("xtc_special_tokens", std::vector<int>())};
    const auto kept = run.at("kept").get<std::vector<int>>();
    EXPECT_EQ(drawn_set(logits, params), std::set<int>(kept.begin(), kept.end())) << arguments;
  }
}

TEST(Sampler, TypicalKeepsWhatIsNearestToTheExpectedSurprise) {
  // Surprises 0.69, 1.2, 1.9, 3.0 around an entropy of 1.14: 0 first, then 3, 2, 1.
  EXPECT_EQ(drawn_set(four_logits(), {.typical_p = 0.2F}), (std::set<int>{0}));
  EXPECT_EQ(drawn_set(four_logits(), {.typical_p = 0.7F}), (std::set<int>{0, 3}));
  EXPECT_EQ(drawn_set(four_logits(), {.typical_p = 0.9F}), (std::set<int>{0, 2, 3}));
  EXPECT_EQ(drawn_set(four_logits(), {.typical_p = 1.0F}), (std::set<int>{0, 1, 2, 3}));
  EXPECT_EQ(drawn_set(four_logits(), {.top_k = 1, .typical_p = 0.7F}), (std::set<int>{3}));
}

TEST(Sampler, XtcActsWithItsProbability) {
  Sampler sampler;
  const std::vector<float> logits = four_logits();
  int without_top = 0;
  for (int i = 0; i < kDraws; ++i) {
    const SamplingParams params{.top_k = 1, .xtc_probability = 0.25F, .xtc_threshold = 0.1F};
    // Above the threshold are 3, 0 and 2, of which XTC leaves 2; top_k takes what is then first.
    const int token = sampler.draw(logits, params, 3, static_cast<std::uint64_t>(i)).value().token;
    EXPECT_TRUE(token == 3 || token == 2);
    without_top += token == 2 ? 1 : 0;
  }
  EXPECT_NEAR(static_cast<double>(without_top) / kDraws, 0.25, 0.01);
}

TEST(Sampler, TellsTheLikeliestTokensInOrder) {
  Sampler sampler;
  const Drawn drawn =
      sampler.draw(four_logits(), {.temperature = 0.0F, .top_logprobs = 3}, 0, 0).value();
  ASSERT_EQ(drawn.top.size(), 3U);
  EXPECT_EQ(drawn.top[0].token, 3);
  EXPECT_EQ(drawn.top[1].token, 0);
  EXPECT_EQ(drawn.top[2].token, 2);
  EXPECT_NEAR(drawn.top[1].logprob, std::log(0.3F), 1e-6);
  EXPECT_EQ(drawn.top[0].logprob, drawn.logprob);
  const std::vector<float> equal(3, 0.0F);
  const auto all = sampler.draw(equal, {.top_logprobs = 20}, 0, 0).value().top;
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[0].token, 0);
  EXPECT_EQ(all[2].token, 2);
}

TEST(Sampler, RefusesWhatIsNoNumber) {
  Sampler sampler;
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float inf = std::numeric_limits<float>::infinity();
  EXPECT_FALSE(sampler.draw(std::vector<float>{1.0F, nan}, {}, 0, 0).has_value());
  EXPECT_FALSE(sampler.draw(std::vector<float>{nan, 1.0F}, {}, 0, 0).has_value());
  EXPECT_FALSE(sampler.draw(std::vector<float>{inf, 1.0F}, {}, 0, 0).has_value());
  EXPECT_FALSE(sampler.draw(std::vector<float>{-inf, -inf}, {}, 0, 0).has_value());
  EXPECT_FALSE(sampler.draw({}, {}, 0, 0).has_value());
  EXPECT_EQ(sampler.draw(std::vector<float>{-inf, 1.0F}, {}, 0, 0).value().token, 1);
}

}  // namespace
}  // namespace hub::engine

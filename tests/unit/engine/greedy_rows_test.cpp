#include "core/engine/greedy_rows.h"

#include <cmath>
#include <limits>
#include <vector>

#include <gtest/gtest.h>
#include <mlx/random.h>
#include <mlx/transforms.h>

namespace hub::engine {
namespace {

GreedyRows evaluated(const mx::array& logits) {
  GreedyRows rows(logits);
  mx::eval(rows.arrays());
  return rows;
}

TEST(GreedyRows, FindWhatTheSamplerFinds) {
  constexpr int vocabulary = 1000;
  const mx::array logits =
      mx::random::normal({8, vocabulary}, mx::float32, 0.0F, 3.0F, mx::random::key(5));
  const GreedyRows rows = evaluated(logits);
  Sampler sampler;
  for (std::size_t i = 0; i < 8; ++i) {
    const float* row = logits.data<float>() + i * vocabulary;
    const auto wanted = sampler.draw({row, vocabulary}, {.temperature = 0.0F}, 7, 0);
    const auto found = rows.row(i);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->token, wanted->token) << i;
    EXPECT_NEAR(found->logprob, wanted->logprob, 1e-5) << i;
    EXPECT_TRUE(found->top.empty());
  }
}

TEST(GreedyRows, TakeTheLowestIdAmongEquals) {
  EXPECT_EQ(evaluated(mx::array({1.0F, 3.0F, 3.0F, 2.0F}, {1, 4})).row(0)->token, 1);
}

TEST(GreedyRows, LogitsThatAreNotFiniteGiveNothing) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float infinity = std::numeric_limits<float>::infinity();
  const GreedyRows rows = evaluated(
      mx::array({1.0F, nan, 1.0F, infinity, -infinity, -infinity, 0.0F, -infinity}, {4, 2}));
  EXPECT_FALSE(rows.row(0));
  EXPECT_FALSE(rows.row(1));
  EXPECT_FALSE(rows.row(2));
  EXPECT_EQ(rows.row(3)->token, 0);
}

// A sequence that takes the likeliest token, and each thing that keeps it from being so simple.
TEST(GreedyRows, AreForSequencesThatNeedNothingElse) {
  const auto takes = [](const auto& change) {
    Sequence sequence;
    sequence.tokens = {1, 2, 3};
    sequence.max_length = 4;
    sequence.sampling.temperature = 0.0F;
    change(sequence);
    return takes_likeliest(sequence);
  };
  EXPECT_TRUE(takes([](Sequence&) {}));
  EXPECT_FALSE(takes([](Sequence& s) { s.sampling.temperature = 0.5F; }));
  EXPECT_FALSE(takes([](Sequence& s) { s.sampling.top_logprobs = 1; }));
  EXPECT_FALSE(takes([](Sequence& s) { s.sampling.rules.bias = {{3, 1.0F}}; }));
  EXPECT_FALSE(takes([](Sequence& s) { s.min_length = 4; }));
  EXPECT_TRUE(takes([](Sequence& s) { s.min_length = 3; }));
  EXPECT_FALSE(takes([](Sequence& s) { s.max_length = 3; })) << "there is no next token";
}

}  // namespace
}  // namespace hub::engine

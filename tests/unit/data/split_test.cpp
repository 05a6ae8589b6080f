#include "core/data/split.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/error.h"

namespace hub::data {
namespace {

std::vector<std::size_t> sorted(std::vector<std::size_t> values) {
  std::sort(values.begin(), values.end());
  return values;
}

std::vector<std::size_t> up_to(std::size_t count) {
  std::vector<std::size_t> values(count);
  std::iota(values.begin(), values.end(), std::size_t{0});
  return values;
}

TEST(SplitMix64, GivesThePublishedNumbers) {
  // The reference implementation's first outputs for seed 1234567 (prng.di.unimi.it/splitmix64.c).
  SplitMix64 generator(1234567);
  EXPECT_EQ(generator.next(), 6457827717110365317ULL);
  EXPECT_EQ(generator.next(), 3203168211198807973ULL);
  EXPECT_EQ(generator.next(), 9817491932198370423ULL);
}

TEST(SplitMix64, BelowIsUniform) {
  SplitMix64 generator(3);
  std::vector<int> counts(7, 0);
  for (int i = 0; i < 70'000; ++i) {
    ++counts[generator.below(7)];
  }
  EXPECT_THAT(counts, testing::Each(testing::AllOf(testing::Gt(9'500), testing::Lt(10'500))));
  EXPECT_EQ(generator.below(1), 0U);
}

TEST(EpochOrder, IsAPermutationThatDependsOnSeedAndEpochAlone) {
  const auto order = epoch_order(100, 1, 0);
  EXPECT_EQ(sorted(order), up_to(100));
  EXPECT_EQ(order, epoch_order(100, 1, 0));
  EXPECT_NE(order, up_to(100));
  EXPECT_NE(order, epoch_order(100, 1, 1));
  EXPECT_NE(order, epoch_order(100, 2, 0));
  EXPECT_NE(epoch_order(100, 0, 1), epoch_order(100, 1, 0));
  EXPECT_TRUE(epoch_order(0, 1, 0).empty());
  EXPECT_EQ(epoch_order(1, 1, 0), up_to(1));
}

// Runs that were begun with an earlier release go on with the same order (figures: the same
// arithmetic in Python).
TEST(EpochOrder, StaysTheSameForever) {
  EXPECT_EQ(epoch_order(8, 42, 0), (std::vector<std::size_t>{7, 4, 1, 6, 3, 5, 2, 0}));
  EXPECT_EQ(epoch_order(8, 42, 1), (std::vector<std::size_t>{1, 7, 6, 3, 2, 5, 4, 0}));
}

TEST(EpochOrder, PutsEachRowEverywhere) {
  std::set<std::pair<std::size_t, std::size_t>> seen;
  for (std::uint64_t epoch = 0; epoch < 400; ++epoch) {
    const auto order = epoch_order(6, 9, epoch);
    for (std::size_t place = 0; place < order.size(); ++place) {
      seen.emplace(place, order[place]);
    }
  }
  EXPECT_EQ(seen.size(), 36U);
}

TEST(Split, HoldsOutTheFractionWithoutOverlap) {
  const Split split = split_rows(100, 0.1, 5);
  EXPECT_EQ(split.eval.size(), 10U);
  EXPECT_TRUE(std::is_sorted(split.eval.begin(), split.eval.end()));
  EXPECT_TRUE(std::is_sorted(split.train.begin(), split.train.end()));
  auto all = split.train;
  all.insert(all.end(), split.eval.begin(), split.eval.end());
  EXPECT_EQ(sorted(all), up_to(100));
  EXPECT_EQ(split_rows(100, 0.1, 5).eval, split.eval);
  EXPECT_NE(split_rows(100, 0.1, 6).eval, split.eval);
}

TEST(Split, NeverHoldsOutAllAndAtLeastOneIfAsked) {
  EXPECT_EQ(split_rows(10, 0.0, 1).eval.size(), 0U);
  EXPECT_EQ(split_rows(10, 0.001, 1).eval.size(), 1U);
  EXPECT_EQ(split_rows(10, 0.999, 1).eval.size(), 9U);
  EXPECT_EQ(split_rows(1, 0.5, 1).train.size(), 1U);
  EXPECT_EQ(split_rows(0, 0.5, 1).train.size(), 0U);
}

TEST(Split, RefusesFractionsOutsideItsRange) {
  for (const double fraction : {-0.1, 1.0, std::numeric_limits<double>::quiet_NaN()}) {
    EXPECT_THROW(split_rows(10, fraction, 1), base::Error) << fraction;
  }
}

}  // namespace
}  // namespace hub::data

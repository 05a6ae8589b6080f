#include "core/engine/speculation.h"

#include <numeric>

#include <gtest/gtest.h>

namespace hub::engine {
namespace {

TEST(DraftRecord, LearnsFromTheLastSteps) {
  DraftRecord record(0.5);
  EXPECT_DOUBLE_EQ(record.rate(), 0.5);
  for (int i = 0; i < 20; ++i) {
    record.add(8, 8);
  }
  EXPECT_GT(record.rate(), 0.95);
  for (int i = 0; i < 20; ++i) {
    record.add(8, 0);
  }
  EXPECT_LT(record.rate(), 0.35);
}

// Of a draft the first wrong token alone says something: those behind it were never looked at.
TEST(DraftRecord, CountsOneMissADraft) {
  DraftRecord record(0.5);
  for (int i = 0; i < 50; ++i) {
    record.add(16, 3);
  }
  EXPECT_NEAR(record.rate(), 0.75, 0.01);
}

TEST(DraftRecord, ForgetsWhileNothingIsDrafted) {
  DraftRecord record(0.5);
  for (int i = 0; i < 20; ++i) {
    record.add(8, 0);
  }
  for (int i = 0; i < 500; ++i) {
    record.fade();
  }
  EXPECT_NEAR(record.rate(), 0.5, 0.02);
}

TEST(StepCostEstimate, FindsWhatARowCosts) {
  StepCostEstimate estimate;
  for (int i = 0; i < 100; ++i) {
    const int rows = 1 + i % 9;
    estimate.add(rows, 0.020 + 0.003 * rows);
  }
  EXPECT_NEAR(estimate.cost().fixed, 0.020, 1e-6);
  EXPECT_NEAR(estimate.cost().per_row, 0.003, 1e-6);
}

TEST(StepCostEstimate, TakesAnUnknownRowToBeCheap) {
  StepCostEstimate estimate;
  for (int i = 0; i < 300; ++i) {
    estimate.add(i == 0 ? 8 : 1, i == 0 ? 0.080 : 0.010);
  }
  EXPECT_NEAR(estimate.cost().per_row, 0.001, 1e-4);
  EXPECT_NEAR(estimate.cost().fixed, 0.009, 1e-4);
}

TEST(StepCostEstimate, AnInterruptedStepCountsLittle) {
  StepCostEstimate estimate;
  for (int i = 0; i < 100; ++i) {
    estimate.add(1 + i % 4, i == 50 ? 1000.0 : 0.010);
  }
  const StepCost cost = estimate.cost();
  EXPECT_LT(cost.fixed + cost.per_row, 0.015);
}

TEST(StepCostEstimate, NeverNegative) {
  StepCostEstimate estimate;
  EXPECT_GT(estimate.cost().fixed, 0.0);
  for (int i = 0; i < 20; ++i) {
    estimate.add(1 + i % 4, 0.1 / (1 + i % 4));  // more rows that take less
  }
  EXPECT_GE(estimate.cost().per_row, 0.0);
  EXPECT_GE(estimate.cost().fixed, 0.0);
}

constexpr DraftOffer kGood{.tokens = 16, .rate = 0.9};

int length_of(const DraftOffer& offer, int rows, const StepCost& cost) {
  return draft_lengths(std::vector{offer}, rows, cost).front();
}

TEST(DraftLengths, CheapRowsAreUsed) {
  const StepCost memory_bound{.fixed = 1.0, .per_row = 0.01};
  EXPECT_EQ(length_of(kGood, 1, memory_bound), 16);
  EXPECT_EQ(length_of({.tokens = 3, .rate = 0.9}, 1, memory_bound), 3);
  EXPECT_EQ(length_of({.tokens = 0, .rate = 0.9}, 1, memory_bound), 0);
  const int unsure = length_of({.tokens = 16, .rate = 0.4}, 1, memory_bound);
  EXPECT_GT(unsure, 0);
  EXPECT_LT(unsure, 8);
}

TEST(DraftLengths, NothingIsCheckedWhenItDoesNotPay) {
  const StepCost compute_bound{.fixed = 0.05, .per_row = 1.0};
  EXPECT_EQ(length_of(kGood, 1, compute_bound), 0);
  // The same draft that pays for one pays no more in a large batch.
  const StepCost between{.fixed = 1.0, .per_row = 0.1};
  EXPECT_GT(length_of(kGood, 1, between), 0);
  EXPECT_EQ(length_of(kGood, 128, between), 0);
}

TEST(DraftLengths, TheLikeliestTokensComeFirst) {
  const StepCost cost{.fixed = 1.0, .per_row = 0.2};
  const std::vector<int> lengths =
      draft_lengths(std::vector<DraftOffer>{{16, 0.3}, {16, 0.95}, {0, 0.0}}, 3, cost);
  EXPECT_GT(lengths[1], lengths[0]);
  EXPECT_EQ(lengths[2], 0);
}

// Whatever is chosen yields at least as many tokens a second as no drafts.
TEST(DraftLengths, NeverSlowerThanWithout) {
  for (const double rate : {0.1, 0.5, 0.9, 0.99}) {
    for (const double per_row : {0.0, 0.01, 0.1, 1.0, 10.0}) {
      for (const int rows : {1, 2, 8, 64}) {
        const StepCost cost{.fixed = 1.0, .per_row = per_row};
        const std::vector<DraftOffer> offers(static_cast<std::size_t>(rows), {16, rate});
        const std::vector<int> lengths = draft_lengths(offers, rows, cost);
        double tokens = rows;
        for (const int length : lengths) {
          double likely = 1.0;
          for (int i = 0; i < length; ++i) {
            likely *= rate;
            tokens += likely;
          }
        }
        const int all = rows + std::accumulate(lengths.begin(), lengths.end(), 0);
        EXPECT_GE(
            tokens / (cost.fixed + per_row * all) * 1.0000001, rows / (cost.fixed + per_row * rows))
            << rate << " " << per_row << " " << rows;
      }
    }
  }
}

}  // namespace
}  // namespace hub::engine

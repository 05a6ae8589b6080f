#include "core/engine/speculation.h"

#include <algorithm>
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

// A draft model that is to make them.
DraftOffer modelled(double rate, double behind = 0.0) {
  return {.tokens = 16, .rate = rate, .by_model = true, .behind = behind};
}

int sum(const std::vector<int>& lengths) {
  return std::accumulate(lengths.begin(), lengths.end(), 0);
}

constexpr StepCost kMemoryBound{.fixed = 1.0, .per_row = 0.02};

TEST(ModelledDraftLengths, ACheapModelThatIsRightDrafts) {
  const StepCost tenth{.fixed = 0.1, .per_row = 0.002};
  const std::vector good{modelled(0.9)};
  const int length = draft_lengths(good, 1, kMemoryBound, tenth).front();
  EXPECT_GT(length, 3);
  EXPECT_LE(length, 16);
  const std::vector unsure{modelled(0.5)};
  EXPECT_LT(draft_lengths(unsure, 1, kMemoryBound, tenth).front(), length);
}

TEST(ModelledDraftLengths, NoneWhereItDoesNotPay) {
  const std::vector sure{modelled(1.0)};
  const StepCost tenth{.fixed = 0.1, .per_row = 0.002};
  // As slow as the model itself: it would make the tokens as fast as the model checks them.
  EXPECT_EQ(draft_lengths(sure, 1, kMemoryBound, kMemoryBound).front(), 0);
  // Never right.
  EXPECT_EQ(draft_lengths(std::vector{modelled(0.0)}, 1, kMemoryBound, tenth).front(), 0);
  EXPECT_EQ(draft_lengths(std::vector{modelled(0.05)}, 1, kMemoryBound, tenth).front(), 0);
  // Each row costs as much as a step of its own.
  EXPECT_EQ(draft_lengths(sure, 1, {.fixed = 0.05, .per_row = 1.0}, tenth).front(), 0);
  // A large batch, whose rows make the step.
  const std::vector<DraftOffer> many(128, modelled(0.8));
  EXPECT_EQ(sum(draft_lengths(many, 128, {.fixed = 1.0, .per_row = 0.1}, tenth)), 0);
}

TEST(ModelledDraftLengths, TheDepthsForwardIsShared) {
  const StepCost dear{.fixed = 1.2, .per_row = 0.001};
  EXPECT_EQ(sum(draft_lengths(std::vector{modelled(0.9)}, 1, kMemoryBound, dear)), 0);
  // Nor by eight of a batch that pays its own rows, unless these are next to free.
  const std::vector<DraftOffer> eight(8, modelled(0.9));
  const StepCost less{.fixed = 0.6, .per_row = 0.001};
  EXPECT_GT(sum(draft_lengths(eight, 8, kMemoryBound, less)), 0);
  std::vector<DraftOffer> one_of_eight(8);
  one_of_eight[3] = modelled(0.9);
  EXPECT_EQ(sum(draft_lengths(one_of_eight, 8, kMemoryBound, less)), 0);
}

// The first token costs most, where there is something to catch up with: it is the way to the next.
TEST(ModelledDraftLengths, CatchingUpPaysWithEnoughTokensOrNotAtAll) {
  const StepCost tenth{.fixed = 0.02, .per_row = 0.01};
  const StepCost free_rows{.fixed = 1.0, .per_row = 0.0};
  const std::vector some{modelled(0.95, 100.0)};
  EXPECT_GT(draft_lengths(some, 1, free_rows, tenth).front(), 1);
  const std::vector single{
      DraftOffer{.tokens = 1, .rate = 0.95, .by_model = true, .behind = 100.0}};
  EXPECT_EQ(draft_lengths(single, 1, free_rows, tenth).front(), 0);
  EXPECT_EQ(draft_lengths(std::vector{modelled(0.95, 5000.0)}, 1, free_rows, tenth).front(), 0);
}

TEST(ModelledDraftLengths, TheUnlikelyOfABatchGoWithout) {
  const StepCost tenth{.fixed = 0.1, .per_row = 0.02};
  const std::vector<DraftOffer> offers{
      modelled(0.02), modelled(0.97), {.tokens = 1, .rate = 0.9}, modelled(0.6)};
  const std::vector<int> lengths = draft_lengths(offers, 4, kMemoryBound, tenth);
  EXPECT_EQ(lengths[0], 0);
  EXPECT_GT(lengths[1], lengths[3]);
  EXPECT_GT(lengths[3], 0);
  EXPECT_GT(lengths[2], 0);
}

// What is chosen yields at least as many tokens a second as no drafts, what the draft model takes
// included.
TEST(ModelledDraftLengths, NeverSlowerThanWithout) {
  for (const double rate : {0.1, 0.5, 0.9, 0.99}) {
    for (const double per_row : {0.0, 0.01, 0.1, 1.0, 10.0}) {
      for (const double ratio : {0.0, 0.05, 0.3, 1.0}) {
        for (const int rows : {1, 2, 8, 64}) {
          const StepCost cost{.fixed = 1.0, .per_row = per_row};
          const StepCost draft_cost{.fixed = ratio, .per_row = ratio * per_row};
          const std::vector<DraftOffer> offers(static_cast<std::size_t>(rows), modelled(rate, 3.0));
          const std::vector<int> lengths = draft_lengths(offers, rows, cost, draft_cost);
          double tokens = rows;
          double seconds = cost.fixed + per_row * (rows + sum(lengths));
          for (const int length : lengths) {
            double likely = 1.0;
            for (int i = 0; i < length; ++i) {
              likely *= rate;
              tokens += likely;
              seconds += draft_cost.per_row * (i == 0 ? 4.0 : 1.0);
            }
          }
          seconds += draft_cost.fixed * *std::ranges::max_element(lengths);
          EXPECT_GE(tokens / seconds * 1.0000001, rows / (cost.fixed + per_row * rows))
              << rate << " " << per_row << " " << ratio << " " << rows;
        }
      }
    }
  }
}

TEST(BestPace, SaysWhichOfTwoOffersIsBetter) {
  const StepCost tenth{.fixed = 0.1, .per_row = 0.002};
  const auto pace = [&](const DraftOffer& offer, const StepCost& draft_cost) {
    return best_pace(offer, 1, kMemoryBound, draft_cost);
  };
  const DraftOffer doubtful{.tokens = 16, .rate = 0.3};
  EXPECT_GT(pace(modelled(0.9), tenth), pace(doubtful, tenth));
  EXPECT_GT(pace(kGood, tenth), pace(modelled(0.9), tenth)) << "what is there costs nothing";
  EXPECT_DOUBLE_EQ(pace(modelled(0.9), kMemoryBound), pace(DraftOffer{}, kMemoryBound));
}

TEST(DraftRecord, OneOfManySequencesForgetsMoreSlowly) {
  DraftRecord of_one(0.5);
  DraftRecord of_all(0.5, 0.98);
  for (DraftRecord* record : {&of_one, &of_all}) {
    for (int i = 0; i < 100; ++i) {
      record->add(4, 4);
    }
    record->add(4, 0);
  }
  EXPECT_GT(of_all.rate(), of_one.rate());
  const double before = of_all.rate();
  for (DraftRecord* record : {&of_one, &of_all}) {
    record->expect(0.1);
    for (int i = 0; i < 300; ++i) {
      record->fade();
    }
  }
  EXPECT_LT(of_one.rate(), 0.5);
  EXPECT_GT(of_all.rate(), of_one.rate());
  EXPECT_LT(of_all.rate(), before);
}

}  // namespace
}  // namespace hub::engine

#include "core/train/batches.h"

#include <algorithm>
#include <numeric>
#include <set>

#include <gtest/gtest.h>
#include <mlx/transforms.h>

#include "core/data/split.h"
#include "tests/unit/train/tiny_training.h"

namespace hub::train {
namespace {

std::vector<int> values(mx::array ints) {
  mx::eval(ints);
  return {ints.data<int>(), ints.data<int>() + ints.size()};
}

// Token i is 100 * row + i; the last `trained` tokens are trained.
data::Example sequence(int row, std::size_t length, std::size_t trained) {
  data::Example result;
  for (std::size_t i = 0; i < length; ++i) {
    result.tokens.push_back((100 * row) + static_cast<int>(i));
    result.trained.push_back(i >= length - trained ? 1 : 0);
  }
  return result;
}

std::size_t padding(const BatchPlan& plan, const std::vector<std::size_t>& lengths) {
  std::size_t wasted = 0;
  for (const auto& batch : plan) {
    std::size_t longest = 0;
    for (const std::size_t row : batch) {
      longest = std::max(longest, lengths[row]);
    }
    for (const std::size_t row : batch) {
      wasted += longest - lengths[row];
    }
  }
  return wasted;
}

std::vector<std::size_t> some_lengths(std::size_t count) {
  std::vector<std::size_t> lengths;
  lengths.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    lengths.push_back(5 + ((i * 37) % 101));
  }
  return lengths;
}

TEST(BatchPlanTest, UsesEveryRowOnceAndOnlyOneBatchIsShort) {
  const auto lengths = some_lengths(611);
  const auto plan = plan_batches(lengths, data::epoch_order(lengths.size(), 3, 0), 4, 9);
  std::multiset<std::size_t> seen;
  std::size_t short_batches = 0;
  for (const auto& batch : plan) {
    EXPECT_LE(batch.size(), 4U);
    short_batches += batch.size() < 4 ? 1U : 0U;
    seen.insert(batch.begin(), batch.end());
  }
  EXPECT_EQ(seen.size(), lengths.size());
  EXPECT_EQ(std::set<std::size_t>(seen.begin(), seen.end()).size(), lengths.size());
  EXPECT_EQ(short_batches, 1U);
}

TEST(BatchPlanTest, BucketsByLength) {
  const auto lengths = some_lengths(512);
  const auto order = data::epoch_order(lengths.size(), 3, 0);
  BatchPlan unsorted;
  for (std::size_t i = 0; i < order.size(); i += 4) {
    unsorted.push_back({order[i], order[i + 1], order[i + 2], order[i + 3]});
  }
  EXPECT_LT(padding(plan_batches(lengths, order, 4, 9), lengths), padding(unsorted, lengths) / 20);
}

TEST(BatchPlanTest, DependsOnSeedAndOrderAlone) {
  const auto lengths = some_lengths(40);
  const auto order = data::epoch_order(lengths.size(), 1, 0);
  EXPECT_EQ(plan_batches(lengths, order, 4, 5), plan_batches(lengths, order, 4, 5));
  EXPECT_NE(plan_batches(lengths, order, 4, 5), plan_batches(lengths, order, 4, 6));
  EXPECT_NE(
      plan_batches(lengths, data::epoch_order(lengths.size(), 1, 1), 4, 5),
      plan_batches(lengths, order, 4, 5));
  // A fixed figure, so that another platform or a later change cannot reorder silently.
  EXPECT_EQ(
      plan_batches(
          std::vector<std::size_t>{1, 2, 3, 4, 5}, std::vector<std::size_t>{0, 1, 2, 3, 4}, 1, 42),
      (BatchPlan{{1}, {2}, {0}, {4}, {3}}));
}

TEST(BatchPlanTest, EvaluationIsInLengthOrder) {
  const std::vector<std::size_t> lengths = {9, 3, 7, 3, 8};
  EXPECT_EQ(plan_by_length(lengths, 2), (BatchPlan{{1, 3}, {2, 4}, {0}}));
}

TEST(MakeBatchTest, ShiftsAndPadsToAMultiple) {
  const std::vector<data::Example> rows = {sequence(1, 4, 2), sequence(2, 6, 1)};
  const std::vector<std::size_t> both = {0, 1};
  const Batch batch = make_batch(picked(rows, both), {.max_tokens = 100, .pad_multiple = 4});
  EXPECT_EQ(batch.rows, 2);
  EXPECT_EQ(batch.length, 8);
  EXPECT_EQ(
      values(batch.inputs),
      (std::vector<int>{100, 101, 102, 103, 0, 0, 0, 0, 200, 201, 202, 203, 204, 205, 0, 0}));
  EXPECT_EQ(values(batch.positions), (std::vector<int>{1, 2, 8 + 4}));
  EXPECT_EQ(values(batch.targets), (std::vector<int>{102, 103, 205}));
  EXPECT_EQ(batch.trained_tokens, 3U);
  EXPECT_EQ(batch.input_tokens, 10U);
}

TEST(MakeBatchTest, CutsAtTheEndAndStaysWithinTheLimit) {
  const std::vector<data::Example> rows = {sequence(1, 50, 49)};
  const std::vector<std::size_t> only = {0};
  const Batch batch = make_batch(picked(rows, only), {.max_tokens = 10, .pad_multiple = 32});
  EXPECT_EQ(batch.length, 9);
  EXPECT_EQ(values(batch.targets).back(), 109);
  EXPECT_EQ(batch.trained_tokens, 9U);
  EXPECT_EQ(trained_count(rows[0], 10), 9U);
}

TEST(MakeBatchTest, LongBatchesHaveTheirOwnMultiple) {
  const std::vector<data::Example> rows = {sequence(1, 300, 1), sequence(2, 200, 1)};
  const BatchShape shape{.max_tokens = 290, .pad_multiple = 32, .long_pad_multiple = 128};
  const std::vector<std::size_t> with_long = {0, 1};
  const Batch batch = make_batch(picked(rows, with_long), shape);
  EXPECT_EQ(batch.length, 384);  // of 289 inputs
  EXPECT_EQ(batch.input_tokens, 490U);
  EXPECT_EQ(values(batch.inputs)[384 + 199], 399);
  const std::vector<std::size_t> only_short = {1};
  EXPECT_EQ(make_batch(picked(rows, only_short), shape).length, 224);
}

TEST(MakeBatchTest, FirstTokenIsNeverATarget) {
  const std::vector<data::Example> rows = {sequence(1, 3, 3)};
  const std::vector<std::size_t> only = {0};
  EXPECT_EQ(make_batch(picked(rows, only), {}).trained_tokens, 2U);
  EXPECT_EQ(trained_count(rows[0], 100), 2U);
}

TEST(MakeBatchTest, RowWithoutTrainedTokensAddsNone) {
  const std::vector<data::Example> rows = {sequence(1, 5, 0), sequence(2, 1, 1)};
  const std::vector<std::size_t> both = {0, 1};
  const Batch batch = make_batch(picked(rows, both), {});
  EXPECT_EQ(batch.trained_tokens, 0U);
  EXPECT_EQ(batch.rows, 2);
}

TEST(MakeBatchTest, CompatTrainsOnePadAfterEachRowThatIsPadded) {
  const std::vector<data::Example> rows = {sequence(1, 4, 2), sequence(2, 8, 1)};
  const std::vector<std::size_t> both = {0, 1};
  BatchShape shape{.max_tokens = 100, .pad_multiple = 8, .compat = true};
  // mlx-lm pads 8 tokens to 1 + 8, so that even the longest row has a pad target.
  EXPECT_EQ(
      values(make_batch(picked(rows, both), shape).targets),
      (std::vector<int>{102, 103, 0, 207, 0}));
  shape.max_tokens = 8;  // now the longest row is not padded
  EXPECT_EQ(
      values(make_batch(picked(rows, both), shape).targets), (std::vector<int>{102, 103, 0, 207}));
}

}  // namespace
}  // namespace hub::train

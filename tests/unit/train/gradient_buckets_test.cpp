#include "core/train/gradient_buckets.h"

#include <gtest/gtest.h>
#include <mlx/ops.h>

namespace hub::train {
namespace {

using Buckets = std::vector<std::vector<std::size_t>>;

TEST(GradientBucketsTest, FillsEachBucketAndKeepsTheOrder) {
  const std::vector<std::size_t> sizes = {10, 10, 10, 1, 40, 3};  // of four bytes
  EXPECT_EQ(plan_buckets(sizes, 80), (Buckets{{0, 1}, {2, 3, 4}, {5}}));
  EXPECT_EQ(plan_buckets(sizes, 1), (Buckets{{0}, {1}, {2}, {3}, {4}, {5}}));
  EXPECT_EQ(plan_buckets(sizes, 1 << 20), (Buckets{{0, 1, 2, 3, 4, 5}}));
}

TEST(GradientBucketsTest, ALargeArrayEndsItsBucket) {
  EXPECT_EQ(plan_buckets(std::vector<std::size_t>{1000, 1, 1}, 8), (Buckets{{0}, {1, 2}}));
  EXPECT_TRUE(plan_buckets({}, 8).empty());
}

TEST(GradientBucketsTest, AloneTheSumIsWhatWasGiven) {
  const std::vector<mx::array> arrays = {mx::ones({2, 3}), mx::array(4.0F)};
  const auto sums = all_sum(ProcessGroup(), arrays, Evaluation::kAtOnce);
  ASSERT_EQ(sums.size(), 2U);
  EXPECT_EQ(sums[0].id(), arrays[0].id());
  EXPECT_EQ(sums[1].id(), arrays[1].id());
}

}  // namespace
}  // namespace hub::train

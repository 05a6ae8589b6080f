#include "core/train/best_result.h"

#include <gtest/gtest.h>

namespace hub::train {
namespace {

TEST(BestResultTest, KeepsTheLowestAndCountsTheOthers) {
  model_config::FinetuneParams params;
  params.early_stopping_patience = 2;
  BestResult best(params);
  EXPECT_TRUE(best.observe(0, 2.0, {mx::array(1.0F)}));
  EXPECT_TRUE(best.observe(10, 1.5, {mx::array(2.0F)}));
  EXPECT_FALSE(best.observe(20, 1.5, {mx::array(3.0F)}));
  EXPECT_FALSE(best.patience_is_over());
  EXPECT_FALSE(best.observe(30, 1.7, {mx::array(4.0F)}));
  EXPECT_TRUE(best.patience_is_over());
  EXPECT_EQ(best.state().step, 10);
  ASSERT_EQ(best.state().parameters.size(), 1U);
  EXPECT_EQ(mx::array(best.state().parameters[0]).item<float>(), 2.0F);
}

// A crawl downwards ends the training, with the lowest loss as its result all the same.
TEST(BestResultTest, LessThanTheDeltaIsNoGain) {
  model_config::FinetuneParams params;
  params.early_stopping_patience = 3;
  params.early_stopping_min_delta = 0.1;
  BestResult best(params);
  EXPECT_TRUE(best.observe(0, 2.0, {mx::array(1.0F)}));
  EXPECT_TRUE(best.observe(1, 1.96, {mx::array(2.0F)}));
  EXPECT_TRUE(best.observe(2, 1.92, {mx::array(3.0F)}));
  EXPECT_FALSE(best.patience_is_over());
  EXPECT_TRUE(best.observe(3, 1.91, {mx::array(4.0F)}));
  EXPECT_TRUE(best.patience_is_over());
  EXPECT_EQ(best.state().step, 3);

  BestResult other(params);
  other.restore(best.state());
  EXPECT_TRUE(other.patience_is_over());
  other.observe(4, 1.8, {mx::array(5.0F)});  // 0.2 below the last gain
  EXPECT_FALSE(other.patience_is_over());
}

TEST(BestResultTest, KeepsNoParametersWithoutPatience) {
  BestResult best(model_config::FinetuneParams{});
  best.observe(0, 2.0, {mx::array(1.0F)});
  EXPECT_TRUE(best.state().parameters.empty());
  EXPECT_FALSE(best.patience_is_over());
}

}  // namespace
}  // namespace hub::train

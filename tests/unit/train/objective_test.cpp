#include "core/train/objective.h"

#include <cmath>

#include <gtest/gtest.h>
#include <mlx/ops.h>

#include "core/base/error.h"
#include "core/train/evaluate.h"
#include "tests/unit/train/pairs.h"
#include "tests/unit/train/tiny_training.h"

namespace hub::train {
namespace {

class ObjectiveTest : public testing::Test {
 protected:
  std::unique_ptr<Objective> make(const std::string& objective, const data::Examples& rows) {
    params_.objective = objective;
    return make_objective(
        params_, rows, {.max_tokens = 64, .pad_multiple = 8}, [this] { return base(); });
  }
  [[nodiscard]] PlacedModel base() const { return {&model_.get(), {}, nullptr}; }

  TinyModel model_;
  model_config::FinetuneParams params_ = tiny_params();
};

TEST_F(ObjectiveTest, RefusesRowsOfAnotherKind) {
  const auto pairs = separable_pairs(3);
  const auto rows = counting_rows(3);
  const auto reason_of = [this](const std::string& objective, auto& data) {
    try {
      make(objective, data);
    } catch (const base::Error& error) {
      return error.reason();
    }
    return std::string("none");
  };
  EXPECT_EQ(reason_of("sft", pairs), "dataset_format");
  EXPECT_EQ(reason_of("dpo", rows), "dataset_format");
  EXPECT_EQ(reason_of("orpo", rows), "dataset_format");
  EXPECT_EQ(reason_of("sft", rows), "none");
  EXPECT_EQ(reason_of("dpo", pairs), "none");
  EXPECT_EQ(reason_of("orpo", pairs), "none");
}

TEST_F(ObjectiveTest, DpoKnowsTheReferencesOfTheRowsItHasMet) {
  const auto pairs = separable_pairs(4);
  const auto dpo = make("dpo", pairs);
  const std::vector<std::size_t> met = {3, 1};
  static_cast<void>(dpo->batch(met));
  const auto known = values_of(dpo->references().value());
  ASSERT_EQ(known.size(), 8U);
  for (const std::size_t row : {0U, 1U, 2U, 3U}) {
    EXPECT_EQ(std::isnan(known[2 * row]), row % 2 == 0) << row;
    EXPECT_EQ(std::isnan(known[2 * row + 1]), row % 2 == 0) << row;
  }
  EXPECT_LT(known[2], 0.0F);
  EXPECT_FALSE(make("orpo", pairs)->references());
  // What was known before is not computed anew: a reward of 1 nat times beta comes of it.
  const auto other = make("dpo", pairs);
  std::vector<float> shifted = known;
  shifted[2 * 3] -= 1.0F;
  other->restore(mx::array(shifted.begin(), {4, 2}, mx::float32));
  const auto sums = values_of(other->batch(met).sums(base()));
  EXPECT_NEAR(static_cast<double>(sums[1]), params_.beta, 1e-4);
  EXPECT_NEAR(static_cast<double>(sums[2]), 0.0, 1e-4);
  EXPECT_EQ(sums[3], 1.0F);
}

// Against itself a model has no rewards, and DPO's loss is log 2.
TEST_F(ObjectiveTest, AnUntrainedModelHasNoRewards) {
  const auto pairs = separable_pairs(5);
  const auto dpo = make("dpo", pairs);
  const EvalResult result = evaluate(base(), *dpo, 2);
  EXPECT_NEAR(result.loss, std::log(2.0), 1e-6);
  ASSERT_TRUE(result.rewards);
  EXPECT_EQ(result.rewards->chosen, 0.0);
  EXPECT_EQ(result.rewards->margin(), 0.0);
  EXPECT_EQ(result.rewards->accuracy, 0.0);
  EXPECT_EQ(result.rows, 5U);
}

TEST_F(ObjectiveTest, CrossEntropyOfPairsIsThatOfTheChosenAnswers) {
  const auto pairs = separable_pairs(5);
  auto chosen = pairs;
  for (data::Example& row : chosen) {
    row.rejected = nullptr;
  }
  const EvalResult result = evaluate(model_.get(), nullptr, pairs, 2, {});
  EXPECT_NEAR(result.loss, evaluate(model_.get(), nullptr, chosen, 2, {}).loss, 1e-5);
  EXPECT_FALSE(result.rewards);
}

TEST_F(ObjectiveTest, OrposLossIsALikelihoodAndAnOddsRatio) {
  const auto pairs = separable_pairs(3);
  const auto orpo = make("orpo", pairs);
  const std::vector<std::size_t> one = {1};
  const auto sums = values_of(orpo->batch(one).sums(base()));
  const auto mean_loss = [&](const data::Example& answer) {
    return evaluate(model_.get(), nullptr, std::vector<data::Example>{answer}, 1, {}).loss;
  };
  const double chosen = -mean_loss(pairs[1]);
  const double rejected = -mean_loss(*pairs[1].rejected);
  const auto odds = [](double log_prob) { return std::exp(log_prob) / (1 - std::exp(log_prob)); };
  const double ratio = std::log(odds(chosen) / odds(rejected));
  const double wanted = -chosen + params_.beta * std::log1p(std::exp(-ratio));
  EXPECT_NEAR(static_cast<double>(sums[0]), wanted, 1e-4);
  EXPECT_NEAR(static_cast<double>(sums[1]), params_.beta * chosen, 1e-5);
  EXPECT_NEAR(static_cast<double>(sums[2]), params_.beta * rejected, 1e-5);
}

}  // namespace
}  // namespace hub::train

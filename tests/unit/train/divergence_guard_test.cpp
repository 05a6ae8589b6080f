#include "core/train/divergence_guard.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "core/base/error.h"
#include "core/tensor/ops.h"
#include "core/train/trainer.h"
#include "tests/unit/train/poisoned.h"
#include "tests/unit/train/tiny_training.h"

namespace hub::train {
namespace {

using Verdict = DivergenceGuard::Verdict;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

TEST(DivergenceGuardTest, SkipsThenReturnsThenFails) {
  model_config::FinetuneParams params;
  params.nonfinite_patience = 2;
  params.nonfinite_rollbacks = 1;
  params.rollback_lr_factor = 0.25;
  DivergenceGuard guard(params);
  EXPECT_EQ(guard.look(1.0, 2.0), Verdict::kGood);
  EXPECT_EQ(guard.look(kNan, 2.0), Verdict::kSkip);
  EXPECT_EQ(guard.look(1.0, 2.0), Verdict::kGood);  // not in a row
  EXPECT_EQ(guard.look(1.0, kInfinity), Verdict::kSkip);
  EXPECT_EQ(guard.look(kInfinity, kNan), Verdict::kRollBack);
  guard.rolled_back();
  EXPECT_DOUBLE_EQ(guard.state().rate_factor, 0.25);
  EXPECT_EQ(guard.look(kNan, kNan), Verdict::kSkip);
  EXPECT_EQ(guard.look(kNan, kNan), Verdict::kFail);
  EXPECT_EQ(guard.state().skipped, 5);
}

// With and without the next step's graph built ahead.
class BadStepsTest : public testing::TestWithParam<bool> {
 protected:
  BadStepsTest() {
    params_.epochs = 3;  // of two steps
    params_.save_every = 2;
    params_.learning_rate = 1e-2;
    hooks_.skipped = [this](const SkippedStep& step) { skipped_.push_back(step); };
    hooks_.reported = [this](const StepReport& report) { reports_.push_back(report); };
    hooks_.checkpoint = [this](const TrainState& state, const Trainable& /*trained*/) {
      last_ = state;
    };
  }

  TrainResult train(std::function<bool(int)> is_bad) {
    Trainer training(
        model_.get(),
        std::make_unique<Poisoned>(make_adapter(model_.get(), params_, 1), std::move(is_bad)),
        {counting_rows(8), {}},
        params_,
        4,
        hooks_);
    training.set_builds_ahead(builds_ahead_);
    const TrainResult result = training.run();
    parameters_ = flat(training.trained());
    return result;
  }

  std::string error_of(std::function<bool(int)> is_bad) {
    try {
      train(std::move(is_bad));
    } catch (const base::Error& error) {
      return error.reason() + ": " + error.what();
    }
    return "none";
  }

  bool builds_ahead_ = GetParam();
  TinyModel model_;
  model_config::FinetuneParams params_ = tiny_params();
  TrainHooks hooks_;
  std::vector<SkippedStep> skipped_;
  std::vector<StepReport> reports_;
  std::optional<TrainState> last_;
  std::vector<float> parameters_;
};

TEST_P(BadStepsTest, ABadStepIsLeftOut) {
  const TrainResult result = train([](int batch) { return batch == 2; });
  EXPECT_EQ(result.steps, 6);
  EXPECT_EQ(result.skipped_steps, 1);
  ASSERT_EQ(skipped_.size(), 1U);
  EXPECT_EQ(skipped_[0].step, 3);
  EXPECT_EQ(skipped_[0].in_a_row, 1);
  EXPECT_FALSE(skipped_[0].rolls_back);
  EXPECT_TRUE(std::isnan(skipped_[0].loss));
  EXPECT_EQ(reports_.size(), 5U);  // nothing to report of step 3
  ASSERT_TRUE(last_.has_value());
  EXPECT_EQ(last_->step, 6);
  EXPECT_EQ(last_->updates, 5);
  for (const float value : parameters_) {
    ASSERT_TRUE(std::isfinite(value));
  }
}

// What was done ahead of a step that is not applied must be undone.
TEST_P(BadStepsTest, TheRestIsAsWithoutBuildingAhead) {
  if (tensor::default_device_is_gpu()) {
    GTEST_SKIP() << "a GPU does not give the same bits twice";
  }
  const auto third = [](int batch) { return batch == 2; };
  train(third);
  const std::vector<float> got = parameters_;
  const TrainState state = last_.value();
  builds_ahead_ = !builds_ahead_;
  train(third);
  EXPECT_EQ(got, parameters_);
  ASSERT_EQ(state.moments.size(), last_->moments.size());
  for (std::size_t i = 0; i < state.moments.size(); ++i) {
    EXPECT_EQ(values_of(state.moments[i]), values_of(last_->moments[i])) << i;
  }
}

TEST_P(BadStepsTest, SeveralInARowReturnToTheCheckpoint) {
  hooks_.last_checkpoint = [this] { return last_; };
  params_.nonfinite_patience = 2;
  const TrainResult result = train([](int batch) { return batch == 3 || batch == 4; });
  EXPECT_EQ(result.steps, 6);
  EXPECT_EQ(result.skipped_steps, 2);
  ASSERT_EQ(skipped_.size(), 2U);
  EXPECT_EQ(skipped_[1].step, 5);
  EXPECT_TRUE(skipped_[1].rolls_back);
  // Step 3 was done before and after the return to step 2; from there on at half the rate.
  std::vector<int> steps(reports_.size());
  std::transform(reports_.begin(), reports_.end(), steps.begin(), [](const StepReport& report) {
    return report.step;
  });
  EXPECT_EQ(steps, (std::vector<int>{1, 2, 3, 3, 4, 5, 6}));
  EXPECT_DOUBLE_EQ(reports_[2].learning_rate, 1e-2);
  EXPECT_DOUBLE_EQ(reports_[3].learning_rate, 5e-3);
  EXPECT_DOUBLE_EQ(last_->guard.rate_factor, 0.5);
  EXPECT_EQ(last_->guard.rollbacks, 1);
}

TEST_P(BadStepsTest, ItFailsAfterTheLastReturn) {
  hooks_.last_checkpoint = [this] { return last_; };
  const std::string error = error_of([](int batch) { return batch >= 2; });
  EXPECT_EQ(error.find("training_diverged: the training diverged at step 5 of 6: loss "), 0U)
      << error;
  EXPECT_NE(error.find("in 3 steps in a row after 1 returns"), std::string::npos) << error;
  EXPECT_EQ(skipped_.size(), 6U);
}

TEST_P(BadStepsTest, ItFailsWithoutACheckpoint) {
  const std::string error = error_of([](int batch) { return batch >= 1; });
  EXPECT_EQ(error.find("training_diverged: the training diverged at step 4"), 0U) << error;
}

INSTANTIATE_TEST_SUITE_P(Ahead, BadStepsTest, testing::Bool());

}  // namespace
}  // namespace hub::train

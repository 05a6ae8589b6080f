// Whole trainings against mlx-lm's own train() (scripts/make_method_goldens.py).
#include <gtest/gtest.h>

#include "core/train/step_plan.h"
#include "core/train/trainer.h"
#include "tests/unit/train/golden_model.h"
#include "tests/unit/train/tiny_training.h"

namespace hub::train {
namespace {

class LossCurveTest : public testing::Test {
 protected:
  LossCurveTest() : rows_(golden_rows(golden_.at("rows"))) {
    const base::Json settings = {
        {"compat", true},
        {"rank", golden_.at("rank")},
        {"scale", golden_.at("scale")},
        {"target_modules", golden_.at("keys")},
        {"learning_rate", golden_.at("learning_rate")},
        {"grad_accumulation_steps", golden_.at("grad_accumulation_steps")},
        {"max_seq_length", golden_.at("max_seq_length")},
        {"epochs", golden_.at("epochs")},
        {"max_steps", golden_.at("steps")},
        {"seed", golden_.at("seed")},
        {"eval_every", 0},
        {"save_every", 0}};
    params_ = model_config::FinetuneParams::from_json(settings, "params");
  }

  base::Json golden_ = golden("methods/curve.json");
  std::vector<data::Example> rows_;
  model_config::FinetuneParams params_;
};

// The golden's script computes the plan anew.
TEST_F(LossCurveTest, BothTrainOnTheSameBatches) {
  std::vector<std::size_t> lengths;
  lengths.reserve(rows_.size());
  for (const data::Example& row : rows_) {
    lengths.push_back(row.tokens.size());
  }
  const StepPlan plan(lengths, params_, golden_.at("batch_size").get<int>());
  BatchPlan batches;
  for (int epoch = 0; epoch < params_.epochs; ++epoch) {
    for (const StepBatches& step : plan.epoch(epoch)) {
      batches.insert(batches.end(), step.begin(), step.end());
    }
  }
  const auto wanted = golden_.at("batches").get<BatchPlan>();
  ASSERT_EQ(wanted.size(), 100U);
  ASSERT_GE(batches.size(), wanted.size());
  batches.resize(wanted.size());
  EXPECT_EQ(batches, wanted);
}

TEST_F(LossCurveTest, FiftyStepsOfCompatEqualMlxLms) {
  const GoldenModel model(golden_.at("config"), true, 0, 0);
  auto trained = fresh(model.get(), params_);
  const auto start = tensor::load_safetensors(golden_path("methods/curve_start.safetensors"));
  const auto names = trained->names();
  ASSERT_EQ(start.size(), names.size());
  for (std::size_t i = 0; i < names.size(); ++i) {
    trained->parameters[i] = start.at(names[i]);
  }
  std::vector<double> losses;
  TrainHooks hooks;
  hooks.reported = [&](const StepReport& report) { losses.push_back(report.train_loss); };
  Trainer training(
      model.get(),
      std::move(trained),
      {rows_, {}},
      params_,
      golden_.at("batch_size").get<int>(),
      hooks);
  training.run();
  const auto wanted = golden_.at("losses").get<std::vector<double>>();
  ASSERT_EQ(losses.size(), 50U);
  ASSERT_EQ(wanted.size(), 50U);
  EXPECT_LT(wanted.back(), wanted.front() - 0.3);  // it learns, or equality would mean little
  for (std::size_t i = 0; i < losses.size(); ++i) {
    EXPECT_NEAR(losses[i], wanted[i], 1e-3) << "step " << i + 1;
  }
}

// Without compat the curve is another: tokens weigh the same, and no pad position is trained.
TEST_F(LossCurveTest, OurOwnCurveDiffers) {
  const GoldenModel model(golden_.at("config"), true, 0, 0);
  params_.compat = false;
  params_.max_steps = 1;
  std::vector<double> losses;
  TrainHooks hooks;
  hooks.reported = [&](const StepReport& report) { losses.push_back(report.train_loss); };
  auto trained = fresh(model.get(), params_);
  Trainer(model.get(), std::move(trained), {rows_, {}}, params_, 4, hooks).run();
  ASSERT_EQ(losses.size(), 1U);
  EXPECT_GT(std::abs(losses[0] - golden_.at("losses").at(0).get<double>()), 1e-3);
}

}  // namespace
}  // namespace hub::train

// Whole trainings by DPO and ORPO.
#include <cmath>

#include <gtest/gtest.h>

#include "core/base/error.h"
#include "core/train/full_weights.h"
#include "core/train/trainer.h"
#include "tests/unit/train/pairs.h"
#include "tests/unit/train/tiny_training.h"

namespace hub::train {
namespace {

class PreferenceTrainingTest : public testing::Test {
 protected:
  Trainer trainer(
      const model_config::FinetuneParams& params,
      TrainData data,
      int batch_size = 4,
      TrainHooks hooks = {}) {
    if (params.method == "full") {
      base::Json config = test::tiny_config();
      config.erase("quantization");
      test::write_tiny_model(dense_folder_.path(), config);
      const auto tensors =
          std::make_shared<models::ModelTensors>(models::load_tensors(dense_folder_.path()));
      dense_ = models::make_model(*tensors);
      return {
          *dense_,
          std::make_unique<TrainableWeights>(make_full_weights(tensors, params)),
          std::move(data),
          params,
          batch_size,
          std::move(hooks)};
    }
    return {
        model_.get(),
        fresh(model_.get(), params),
        std::move(data),
        params,
        batch_size,
        std::move(hooks)};
  }

  static std::string reason_of(const std::function<void()>& work) {
    try {
      work();
    } catch (const base::Error& error) {
      return error.reason();
    }
    return "none";
  }

  TinyModel model_;
  test::TempDir dense_folder_;  // of method full
  std::unique_ptr<models::LanguageModel> dense_;
};

model_config::FinetuneParams preference_params(const std::string& objective) {
  auto params = tiny_params();
  params.objective = objective;
  params.learning_rate = 1e-2;
  params.eval_every = 5;
  params.epochs = 10;
  return params;
}

TEST_F(PreferenceTrainingTest, LearnsToPreferTheChosenAnswers) {
  for (const char* objective : {"dpo", "orpo"}) {
    SCOPED_TRACE(objective);
    std::vector<StepReport> reports;
    std::vector<EvalReport> evaluations;
    TrainHooks hooks;
    hooks.reported = [&](const StepReport& report) { reports.push_back(report); };
    hooks.evaluated = [&](const EvalReport& report) { evaluations.push_back(report); };
    const auto pairs = separable_pairs(14);
    const TrainResult result =
        trainer(preference_params(objective), {pairs, pairs}, 4, hooks).run();
    ASSERT_TRUE(evaluations.front().result.rewards && evaluations.back().result.rewards);
    const Rewards before = *evaluations.front().result.rewards;
    const Rewards after = *evaluations.back().result.rewards;
    // Most pairs: which remain after forty steps depends on the kernels' rounding.
    EXPECT_LT(before.accuracy, 0.9);
    EXPECT_GE(after.accuracy, 0.8);
    EXPECT_GT(after.accuracy, before.accuracy);
    EXPECT_GT(after.margin(), before.margin() + 0.05);
    EXPECT_LT(*result.eval_loss_after, *result.eval_loss_before);
    ASSERT_TRUE(reports.back().rewards);
    EXPECT_GE(reports.back().rewards->accuracy, 0.75);  // of a batch of four
    std::uint64_t trained = 0;
    for (const data::Example& pair : pairs) {
      trained += data::counts_of(pair).all_trained();
    }
    EXPECT_EQ(result.trained_tokens, 10 * trained) << "of both answers";
  }
}

// An adapter that was trained before is its own reference.
TEST_F(PreferenceTrainingTest, DpoBeginsAtItsReference) {
  auto params = preference_params("dpo");
  params.max_steps = 1;
  auto trained = std::make_unique<TrainableAdapter>(make_adapter(model_.get(), params, 1));
  fill_b(*trained);
  std::vector<StepReport> reports;
  TrainHooks hooks;
  hooks.reported = [&](const StepReport& report) { reports.push_back(report); };
  Trainer(model_.get(), std::move(trained), {separable_pairs(4), {}}, params, 4, hooks).run();
  ASSERT_EQ(reports.size(), 1U);
  EXPECT_NEAR(reports[0].train_loss, std::log(2.0), 1e-6);
  EXPECT_NEAR(reports[0].rewards->chosen, 0.0, 1e-5);
  EXPECT_NEAR(reports[0].rewards->rejected, 0.0, 1e-5);
  EXPECT_GT(reports[0].grad_norm, 0.0);
}

TEST_F(PreferenceTrainingTest, AccumulationEqualsOneLargeBatch) {
  for (const char* objective : {"dpo", "orpo"}) {
    SCOPED_TRACE(objective);
    auto params = preference_params(objective);
    params.max_steps = 3;
    params.learning_rate = 1e-3;
    Trainer large = trainer(params, {separable_pairs(7), {}}, 8);
    large.run();
    params.grad_accumulation_steps = 4;
    Trainer small = trainer(params, {separable_pairs(7), {}}, 2);
    EXPECT_EQ(small.run().steps, 3);
    const auto wanted = flat(large.trained());
    const auto got = flat(small.trained());
    ASSERT_EQ(got.size(), wanted.size());
    for (std::size_t i = 0; i < got.size(); ++i) {
      ASSERT_NEAR(got[i], wanted[i], 2e-4F) << i;
    }
  }
}

// Stopped anywhere and gone on from the file, it gives the same bits: rows whose reference is known
// keep it, others are met in the same batches.
TEST_F(PreferenceTrainingTest, StoppedAnywhereItGivesTheSameBits) {
  const test::TempDir folder;
  const auto file = folder.path() / "state.safetensors";
  struct Run {
    std::vector<float> parameters;
    std::vector<double> figures;  // of the last report and the last evaluation
  };
  const auto attempt = [&](const model_config::FinetuneParams& params, int stop_at, Run& run) {
    int polls = 0;
    TrainHooks hooks;
    hooks.reported = [&](const StepReport& report) {
      run.figures = {report.train_loss, report.rewards->chosen, report.rewards->margin()};
    };
    hooks.evaluated = [&](const EvalReport& report) {
      run.figures.push_back(report.result.loss);
      run.figures.push_back(report.result.rewards->accuracy);
      run.figures.push_back(report.result.rewards->margin());
    };
    hooks.checkpoint = [&](const TrainState& state, const Trainable& /*trained*/) {
      save_state(file, state);
    };
    hooks.poll = [&](int /*step*/) {
      ++polls;
      if (polls == stop_at) {
        return Command::kCheckpoint;
      }
      return polls > stop_at && stop_at > 0 ? Command::kStop : Command::kContinue;
    };
    Trainer training = trainer(params, {separable_pairs(9), separable_pairs(5)}, 2, hooks);
    if (auto state = load_state(file)) {
      training.restore(*std::move(state));
    }
    if (reason_of([&] { training.run(); }) != "none") {
      return false;
    }
    run.parameters = flat(training.trained());
    return true;
  };
  const auto run_all = [&](const model_config::FinetuneParams& params, int stop_at) {
    std::filesystem::remove(file);
    Run run;
    for (int attempts = 0; !attempt(params, stop_at, run); ++attempts) {
      if (attempts > 100) {
        ADD_FAILURE() << "it makes no way";
        break;
      }
    }
    return run;
  };
  auto params = preference_params("dpo");
  params.epochs = 3;
  params.eval_every = 2;
  params.report_every = 3;
  params.grad_accumulation_steps = 2;
  params.dropout = 0.1;
  const auto expect_equal = [&](int stop_at) {
    const Run whole = run_all(params, 0);
    const Run parts = run_all(params, stop_at);
    EXPECT_EQ(parts.parameters, whole.parameters) << "stopped after " << stop_at << " polls";
    EXPECT_EQ(parts.figures, whole.figures);
  };
  for (int stop_at = 4; stop_at <= 10; ++stop_at) {
    expect_equal(stop_at);
  }
  params.loss_type = "ipo";
  expect_equal(7);
  params.loss_type = "sigmoid";
  params.method = "full";
  params.num_layers = 1;
  params.dropout = 0.0;
  expect_equal(7);
  params.objective = "orpo";
  params.method = "lora";
  expect_equal(7);
}

TEST_F(PreferenceTrainingTest, AStateWithOtherReferencesIsRefused) {
  const auto params = preference_params("dpo");
  std::optional<TrainState> saved;
  TrainHooks hooks;
  hooks.checkpoint = [&](const TrainState& state, const Trainable& /*trained*/) { saved = state; };
  auto saving = params;
  saving.save_every = 1;
  saving.max_steps = 1;
  trainer(saving, {separable_pairs(4), {}}, 4, hooks).run();
  ASSERT_TRUE(saved);
  ASSERT_EQ(saved->references.size(), 1U) << "no rows are held out";
  const auto reason = [&](const TrainState& state, std::size_t rows) {
    Trainer training = trainer(params, {separable_pairs(rows), {}}, 4);
    return reason_of([&] { training.restore(state); });
  };
  EXPECT_EQ(reason(*saved, 4), "none");
  EXPECT_EQ(reason(*saved, 5), "bad_training_state");
  TrainState without = *saved;
  without.references.clear();
  EXPECT_EQ(reason(without, 4), "bad_training_state");
}

TEST_F(PreferenceTrainingTest, LeavesOutPairsOfWhichAnAnswerIsCutAway) {
  auto pairs = separable_pairs(3);
  pairs[1].rejected =
      std::make_shared<const data::Example>(answered(std::vector<int>(64, 7), {8, 9}));
  std::string said;
  TrainHooks hooks;
  hooks.log = [&](const std::string& message) { said = message; };
  auto params = preference_params("dpo");
  params.epochs = 1;
  EXPECT_EQ(trainer(params, {pairs, {}}, 1, hooks).total_steps(), 2);
  EXPECT_EQ(said.find("1 of 3 rows"), 0U) << said;
}

TEST_F(PreferenceTrainingTest, RefusesRowsOfAnotherKind) {
  EXPECT_EQ(
      reason_of(
          [&] { static_cast<void>(trainer(preference_params("dpo"), {counting_rows(3), {}})); }),
      "dataset_format");
  EXPECT_EQ(
      reason_of([&] { static_cast<void>(trainer(tiny_params(), {separable_pairs(3), {}})); }),
      "dataset_format");
}

}  // namespace
}  // namespace hub::train

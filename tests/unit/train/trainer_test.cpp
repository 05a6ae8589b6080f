#include "core/train/trainer.h"

#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

#include "core/base/error.h"
#include "tests/unit/train/tiny_training.h"

namespace hub::train {
namespace {

class TrainerTest : public testing::Test {
 protected:
  Trainer trainer(
      const model_config::FinetuneParams& params,
      TrainData data,
      int batch_size = 4,
      TrainHooks hooks = {}) {
    return {
        model_.get(),
        fresh(model_.get(), params),
        std::move(data),
        params,
        batch_size,
        std::move(hooks)};
  }

  static std::string error_of(const std::function<void()>& work) {
    try {
      work();
    } catch (const base::Error& error) {
      return std::string(to_string(error.code())) + " " + error.reason() + " " + error.what();
    }
    return "no error";
  }

  TinyModel model_;
};

TEST_F(TrainerTest, LearnsTheRows) {
  auto params = tiny_params();
  params.epochs = 12;
  params.eval_every = 8;
  params.learning_rate = 2e-2;
  std::vector<StepReport> reports;
  std::vector<EvalReport> evaluations;
  TrainHooks hooks;
  hooks.reported = [&](const StepReport& report) { reports.push_back(report); };
  hooks.evaluated = [&](const EvalReport& report) { evaluations.push_back(report); };
  const auto rows = counting_rows(10);
  Trainer training = trainer(params, {rows, rows}, 4, hooks);
  const TrainResult result = training.run();

  EXPECT_EQ(training.total_steps(), 36);  // 3 batches an epoch, the last of 2 rows
  EXPECT_EQ(result.steps, 36);
  EXPECT_EQ(result.end, TrainEnd::kCompleted);
  ASSERT_TRUE(result.eval_loss_before && result.eval_loss_after);
  EXPECT_LT(*result.eval_loss_after, 0.75 * *result.eval_loss_before);
  EXPECT_EQ(reports.size(), 36U);
  EXPECT_EQ(reports.back().step, 36);
  EXPECT_EQ(reports.back().trained_tokens, result.trained_tokens);
  std::uint64_t tokens = 0;
  for (const data::Example& row : rows) {
    tokens += trained_count(row, params.max_seq_length);
  }
  EXPECT_EQ(result.trained_tokens, 12 * tokens);
  EXPECT_GT(reports.front().grad_norm, 0.0);
  EXPECT_GT(reports.front().input_tokens_per_second, reports.front().tokens_per_second);
  EXPECT_GT(result.peak_memory_bytes, 0U);
  std::vector<int> evaluated_at;
  evaluated_at.reserve(evaluations.size());
  for (const EvalReport& evaluation : evaluations) {
    evaluated_at.push_back(evaluation.step);
  }
  EXPECT_EQ(evaluated_at, (std::vector<int>{0, 8, 16, 24, 32, 36}));
}

TEST_F(TrainerTest, SamplesAreDueWhereEvaluationsAreAlsoWithoutRowsToEvaluate) {
  auto params = tiny_params();
  params.max_steps = 5;
  params.eval_every = 2;
  std::vector<int> sampled_at;
  int polls = 0;
  TrainHooks hooks;
  hooks.poll = [&](int /*step*/) {
    ++polls;
    return Command::kContinue;
  };
  hooks.sample = [&](int step, const PlacedModel& placed, const KeepGoing& keep_going) {
    sampled_at.push_back(step);
    EXPECT_FALSE(placed.adapter.layers.empty());
    const int before = polls;
    EXPECT_TRUE(keep_going(0));
    EXPECT_EQ(polls, before + 1);
  };
  Trainer training = trainer(params, {counting_rows(12), {}}, 2, hooks);
  training.run();
  EXPECT_EQ(sampled_at, (std::vector<int>{0, 2, 4, 5}));
}

TEST_F(TrainerTest, OneStepLowersTheLossOfItsBatch) {
  auto params = tiny_params();
  params.max_steps = 1;
  params.eval_every = 1;
  params.learning_rate = 1e-3;
  const auto rows = counting_rows(4);
  const TrainResult result = trainer(params, {rows, rows}).run();
  EXPECT_LT(*result.eval_loss_after, *result.eval_loss_before);
}

TEST_F(TrainerTest, FirstReportIsTheLossBeforeAnyUpdate) {
  auto params = tiny_params();
  params.max_steps = 1;
  const auto rows = counting_rows(4);
  const EvalResult before =
      evaluate(model_.get(), nullptr, rows, 2, {.max_tokens = 64, .pad_multiple = 32});
  const TrainResult result = trainer(params, {rows, {}}).run();
  EXPECT_NEAR(result.train_loss, before.loss, 1e-5);
  EXPECT_NEAR(before.perplexity, std::exp(before.loss), 1e-9);
  EXPECT_EQ(before.rows, 4U);
}

TEST_F(TrainerTest, EqualSeedsGiveEqualBits) {
  auto params = tiny_params();
  params.epochs = 2;
  params.dropout = 0.1;
  const auto run = [&](std::uint64_t seed) {
    params.seed = seed;
    Trainer training = trainer(params, {counting_rows(10), {}});
    training.run();
    return flat(training.trained());
  };
  const auto first = run(1);
  EXPECT_EQ(first, run(1));
  EXPECT_NE(first, run(2));
}

TEST_F(TrainerTest, DropoutChangesTheTraining) {
  const auto run = [&](double dropout) {
    auto params = tiny_params();
    params.epochs = 2;
    params.dropout = dropout;
    Trainer training = trainer(params, {counting_rows(10), {}});
    training.run();
    return flat(training.trained());
  };
  EXPECT_NE(run(0.0), run(0.3));
}

// Micro-batches count by their tokens: two of different sizes are one batch of all rows.
TEST_F(TrainerTest, AccumulationEqualsOneLargeBatch) {
  auto params = tiny_params();
  params.max_steps = 3;
  params.epochs = 3;
  Trainer large = trainer(params, {counting_rows(7), {}}, 8);
  large.run();
  params.grad_accumulation_steps = 4;
  Trainer small = trainer(params, {counting_rows(7), {}}, 2);
  EXPECT_EQ(small.run().steps, 3);
  const auto wanted = flat(large.trained());
  const auto got = flat(small.trained());
  ASSERT_EQ(got.size(), wanted.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    ASSERT_NEAR(got[i], wanted[i], 2e-4F) << i;
  }
}

TEST_F(TrainerTest, LeftoverMicroBatchesAreApplied) {
  auto params = tiny_params();
  params.grad_accumulation_steps = 2;
  Trainer training = trainer(params, {counting_rows(10), {}}, 4);  // batches of 4, 4, 2
  EXPECT_EQ(training.total_steps(), 2);
  std::uint64_t tokens = 0;
  for (const data::Example& row : counting_rows(10)) {
    tokens += trained_count(row, params.max_seq_length);
  }
  EXPECT_EQ(training.run().trained_tokens, tokens);
}

TEST_F(TrainerTest, ClippingBoundsTheUpdateButReportsTheNorm) {
  auto params = tiny_params();
  params.max_steps = 1;
  std::vector<double> norms;
  TrainHooks hooks;
  hooks.reported = [&](const StepReport& report) { norms.push_back(report.grad_norm); };
  trainer(params, {counting_rows(4), {}}, 4, hooks).run();
  params.max_grad_norm = 1e-3;
  trainer(params, {counting_rows(4), {}}, 4, hooks).run();
  ASSERT_EQ(norms.size(), 2U);
  EXPECT_DOUBLE_EQ(norms[0], norms[1]);
  EXPECT_GT(norms[0], 1e-3);
}

TEST_F(TrainerTest, StopEndsWithinOneStep) {
  auto params = tiny_params();
  params.epochs = 50;
  int steps_reported = 0;
  TrainHooks hooks;
  hooks.reported = [&](const StepReport& report) { steps_reported = report.step; };
  hooks.poll = [](int step) { return step == 3 ? Command::kStop : Command::kContinue; };
  Trainer training = trainer(params, {counting_rows(10), {}}, 4, hooks);
  const std::string error = error_of([&] { training.run(); });
  EXPECT_EQ(error.find("cancelled"), 0U) << error;
  EXPECT_NE(error.find("after step 3 of 150"), std::string::npos) << error;
  EXPECT_EQ(steps_reported, 3);
}

TEST_F(TrainerTest, StopAlsoEndsAnEvaluation) {
  auto params = tiny_params();
  params.eval_every = 1;
  int polls = 0;
  TrainHooks hooks;
  hooks.poll = [&](int /*step*/) { return ++polls == 2 ? Command::kStop : Command::kContinue; };
  Trainer training = trainer(params, {counting_rows(10), counting_rows(10)}, 1, hooks);
  EXPECT_EQ(error_of([&] { training.run(); }).find("cancelled"), 0U);
  EXPECT_EQ(polls, 2);
}

TEST_F(TrainerTest, SavesWhenDueWhenAskedAndAtTheEnd) {
  auto params = tiny_params();
  params.epochs = 2;
  params.save_every = 4;
  std::vector<std::pair<int, bool>> saves;  // the step, and whether it is the end
  TrainHooks hooks;
  hooks.checkpoint = [&](const TrainState& state, const Trainable& /*adapter*/) {
    saves.emplace_back(state.step, false);
  };
  hooks.finished = [&](int step, const Trainable& /*adapter*/) { saves.emplace_back(step, true); };
  bool asked = false;
  hooks.poll = [&](int step) {
    const bool now = step == 1 && !std::exchange(asked, step == 1);
    return now ? Command::kCheckpoint : Command::kContinue;
  };
  trainer(params, {counting_rows(10), {}}, 4, hooks).run();
  EXPECT_EQ(saves, (std::vector<std::pair<int, bool>>{{1, false}, {4, false}, {6, true}}));
}

TEST_F(TrainerTest, ACheckpointIsNoLeaveToGoOn) {
  std::vector<Command> answers = {Command::kCheckpoint, Command::kCheckpoint, Command::kStop};
  int saves = 0;
  TrainHooks hooks;
  hooks.checkpoint = [&](const TrainState& state, const Trainable& /*adapter*/) {
    EXPECT_EQ(state.step, 0);
    ++saves;
  };
  hooks.poll = [&](int step) {
    EXPECT_EQ(step, 0);
    const Command answer = answers.front();
    answers.erase(answers.begin());
    return answer;
  };
  Trainer training = trainer(tiny_params(), {counting_rows(10), {}}, 4, hooks);
  EXPECT_EQ(error_of([&] { training.run(); }).find("cancelled"), 0U);
  EXPECT_EQ(saves, 2);
}

TEST_F(TrainerTest, MaxStepsEndsEarlier) {
  auto params = tiny_params();
  params.epochs = 10;
  params.max_steps = 4;
  params.report_every = 3;
  std::vector<int> reported;
  TrainHooks hooks;
  hooks.reported = [&](const StepReport& report) { reported.push_back(report.step); };
  const TrainResult result = trainer(params, {counting_rows(10), {}}, 4, hooks).run();
  EXPECT_EQ(result.end, TrainEnd::kMaxSteps);
  EXPECT_EQ(reported, (std::vector<int>{3, 4}));
  EXPECT_FALSE(result.eval_loss_before.has_value());
}

TEST_F(TrainerTest, PatienceEndsTheRunWithTheBestParameters) {
  auto params = tiny_params();
  params.epochs = 50;
  params.eval_every = 2;
  params.early_stopping_patience = 2;
  params.learning_rate = 1e-30;  // B leaves 0, but no loss changes
  std::vector<EvalReport> evaluations;
  std::vector<float> saved;
  TrainHooks hooks;
  hooks.evaluated = [&](const EvalReport& report) { evaluations.push_back(report); };
  hooks.finished = [&](int /*step*/, const Trainable& adapter) { saved = flat(adapter); };
  Trainer training = trainer(params, {counting_rows(10), counting_rows(10)}, 4, hooks);
  const auto start = flat(training.trained());
  const TrainResult result = training.run();
  EXPECT_EQ(result.end, TrainEnd::kEarlyStopping);
  EXPECT_EQ(result.steps, 4);
  EXPECT_EQ(evaluations.size(), 3U);
  EXPECT_EQ(result.best_step, 0);
  EXPECT_EQ(saved, start);
  EXPECT_EQ(*result.eval_loss_after, *result.eval_loss_before);
}

TEST_F(TrainerTest, TellsOfEachBestEvaluation) {
  auto params = tiny_params();
  params.epochs = 4;
  params.eval_every = 3;
  params.learning_rate = 1e-2;
  params.save_best = true;
  std::vector<int> best;
  TrainHooks hooks;
  hooks.best = [&](int step, const Trainable& /*trained*/) { best.push_back(step); };
  const auto rows = counting_rows(10);
  trainer(params, {rows, rows}, 4, hooks).run();
  ASSERT_GE(best.size(), 2U);  // its own rows' loss falls
  EXPECT_EQ(best.front(), 0);
  params.save_best = false;
  best.clear();
  trainer(params, {rows, rows}, 4, hooks).run();
  EXPECT_TRUE(best.empty());
}

// The count of input tokens since freed memory was given back; the state keeps it.
TEST_F(TrainerTest, ClearsTheCacheAfterSoManyTokens) {
  auto params = tiny_params();
  params.save_every = 1;
  std::vector<std::uint64_t> counts;
  TrainHooks hooks;
  hooks.checkpoint = [&](const TrainState& state, const Trainable& /*trained*/) {
    counts.push_back(state.tokens_since_clear);
  };
  std::vector<StepReport> reports;
  hooks.reported = [&](const StepReport& report) { reports.push_back(report); };
  trainer(params, {counting_rows(6), {}}, 1, hooks).run();
  EXPECT_TRUE(std::is_sorted(counts.begin(), counts.end()));
  EXPECT_GT(counts.back(), 40U);
  EXPECT_GT(reports.back().active_memory_bytes, 0U);
  EXPECT_LE(reports.back().active_memory_bytes, reports.back().peak_memory_bytes);
  counts.clear();
  params.clear_cache_tokens = 15;
  trainer(params, {counting_rows(6), {}}, 1, hooks).run();
  EXPECT_EQ(std::count_if(counts.begin(), counts.end(), [](auto n) { return n >= 15; }), 0);
  EXPECT_NE(std::count(counts.begin(), counts.end(), 0U), 0);
}

TEST_F(TrainerTest, SaysThatPatienceNeedsHeldOutRows) {
  auto params = tiny_params();
  params.early_stopping_patience = 2;
  std::string said;
  TrainHooks hooks;
  hooks.log = [&](const std::string& message) { said = message; };
  static_cast<void>(trainer(params, {counting_rows(3), {}}, 1, hooks));
  EXPECT_EQ(said.find("early_stopping_patience has no effect"), 0U) << said;
}

TEST_F(TrainerTest, DivergenceFailsWithTheStepsFigures) {
  auto params = tiny_params();
  params.learning_rate = 1e30;
  params.epochs = 10;
  Trainer training = trainer(params, {counting_rows(10), {}});
  const std::string error = error_of([&] { training.run(); });
  EXPECT_EQ(error.find("unprocessable training_diverged"), 0U) << error;
  EXPECT_NE(error.find("learning rate 1e+30"), std::string::npos) << error;
}

TEST_F(TrainerTest, LeavesOutRowsWithoutTargetsAndSaysSo) {
  auto rows = counting_rows(6);
  std::fill(rows[2].trained.begin(), rows[2].trained.end(), std::uint8_t{0});
  std::string said;
  TrainHooks hooks;
  hooks.log = [&](const std::string& message) { said = message; };
  EXPECT_EQ(trainer(tiny_params(), {rows, {}}, 1, hooks).total_steps(), 5);
  EXPECT_EQ(said.find("1 of 6 rows"), 0U) << said;
}

TEST_F(TrainerTest, RefusesDataWithoutTargets) {
  auto params = tiny_params();
  params.max_seq_length = 3;  // every target is cut away
  const std::string error =
      error_of([&] { static_cast<void>(trainer(params, {counting_rows(3), {}})); });
  EXPECT_EQ(error.find("unprocessable no_trained_tokens none of the 3 rows"), 0U) << error;
}

}  // namespace
}  // namespace hub::train

#include "core/train/train_state.h"

#include <fstream>

#include <gtest/gtest.h>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/tensor/ops.h"
#include "core/train/full_weights.h"
#include "core/train/trainer.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/train/tiny_training.h"

namespace hub::train {
namespace {

// A training that may be stopped and go on from its file, as a job does.
class ResumeTest : public testing::Test {
 protected:
  struct Run {
    TrainResult result;
    std::vector<float> parameters;
    std::vector<double> losses;  // of the reports and evaluations of all attempts, in order
  };

  // One attempt; `stop_at` polls have passed when it is asked to save and stop.
  bool attempt(const model_config::FinetuneParams& params, Run& run, int stop_at) {
    int polls = 0;
    TrainHooks hooks;
    hooks.reported = [&](const StepReport& report) { run.losses.push_back(report.train_loss); };
    hooks.evaluated = [&](const EvalReport& report) { run.losses.push_back(report.result.loss); };
    hooks.checkpoint = [&](const TrainState& state, const Trainable& /*adapter*/) {
      save_state(file_, state);
    };
    hooks.poll = [&](int /*step*/) {
      ++polls;
      if (polls == stop_at) {
        return Command::kCheckpoint;
      }
      return polls > stop_at && stop_at > 0 ? Command::kStop : Command::kContinue;
    };
    const auto rows = counting_rows(10);
    std::unique_ptr<models::LanguageModel> dense;
    std::unique_ptr<Trainable> trained;
    if (dense_) {
      dense = models::make_model(*dense_);
      trained = std::make_unique<TrainableWeights>(make_full_weights(dense_, params));
    } else {
      trained = fresh(model_.get(), params);
    }
    Trainer training(
        dense ? *dense : model_.get(),
        std::move(trained),
        {rows, counting_rows(5)},
        params,
        2,
        hooks);
    if (auto state = load_state(file_)) {
      training.restore(std::move(*state));
    }
    try {
      run.result = training.run();
    } catch (const base::Error& error) {
      EXPECT_EQ(error.code(), base::ErrorCode::kCancelled) << error.what();
      return false;
    }
    run.parameters = flat(training.trained());
    return true;
  }

  Run run(const model_config::FinetuneParams& params, int stop_at) {
    std::filesystem::remove(file_);
    Run run;
    int attempts = 0;
    while (!attempt(params, run, stop_at)) {
      if (++attempts > 200) {
        ADD_FAILURE() << "it makes no way";
        break;
      }
    }
    return run;
  }

  TinyModel model_;
  std::shared_ptr<const models::ModelTensors> dense_;  // trained themselves, where given
  test::TempDir folder_;
  std::filesystem::path file_ = folder_.path() / "state.safetensors";
};

// Everything that could differ: dropout, accumulation over an epoch's ragged end, evaluations,
// reports over several steps.
model_config::FinetuneParams rich_params() {
  auto params = tiny_params();
  params.epochs = 3;
  params.eval_every = 2;
  params.report_every = 2;
  params.grad_accumulation_steps = 2;
  params.dropout = 0.1;
  params.learning_rate = 1e-2;
  params.early_stopping_patience = 50;
  return params;
}

TEST_F(ResumeTest, StoppedAnywhereItGivesTheSameBits) {
  const auto params = rich_params();
  const Run whole = run(params, 0);
  ASSERT_EQ(whole.result.steps, 9);
  // Also between the batches of a step and within evaluations.
  for (int stop_at = 4; stop_at <= 21; ++stop_at) {
    const Run parts = run(params, stop_at);
    EXPECT_EQ(parts.parameters, whole.parameters) << "stopped after " << stop_at << " polls";
    EXPECT_EQ(parts.result.train_loss, whole.result.train_loss);
    EXPECT_EQ(parts.result.eval_loss_before, whole.result.eval_loss_before);
    EXPECT_EQ(parts.result.eval_loss_after, whole.result.eval_loss_after);
    EXPECT_EQ(parts.result.trained_tokens, whole.result.trained_tokens);
    EXPECT_EQ(parts.result.best_step, whole.result.best_step);
  }
}

// Every optimizer keeps something else.
TEST_F(ResumeTest, EveryOptimizerGoesOnWithTheSameBits) {
  for (const char* name : {"adam", "adamw", "sgd", "lion", "adafactor", "muon"}) {
    SCOPED_TRACE(name);
    auto params = rich_params();
    params.optimizer = model_config::OptimizerParams::defaults(name);
    if (params.optimizer.name == "sgd") {
      params.optimizer.momentum = 0.9;
    }
    params.lr_schedule = "cosine";
    params.warmup_steps = 2;
    const Run whole = run(params, 0);
    const Run parts = run(params, 9);
    EXPECT_EQ(parts.parameters, whole.parameters);
    EXPECT_EQ(parts.result.eval_loss_after, whole.result.eval_loss_after);
  }
}

TEST_F(ResumeTest, EveryMethodGoesOnWithTheSameBits) {
  test::TempDir dense;
  base::Json config = test::tiny_config();
  config.erase("quantization");
  test::write_tiny_model(dense.path(), config);
  for (const char* method : {"dora", "full"}) {
    SCOPED_TRACE(method);
    auto params = rich_params();
    params.method = method;
    params.num_layers = 1;
    dense_ = params.method == "full"
                 ? std::make_shared<models::ModelTensors>(models::load_tensors(dense.path()))
                 : nullptr;
    const Run whole = run(params, 0);
    const Run parts = run(params, 9);
    EXPECT_EQ(parts.parameters, whole.parameters);
    EXPECT_EQ(parts.result.eval_loss_after, whole.result.eval_loss_after);
    EXPECT_LT(*whole.result.eval_loss_after, *whole.result.eval_loss_before);
  }
}

TEST_F(ResumeTest, AnOptimizersStateIsNoOthers) {
  auto params = tiny_params();
  params.save_every = 2;
  run(params, 0);
  auto state = load_state(file_);
  ASSERT_TRUE(state.has_value());
  params.optimizer = model_config::OptimizerParams::defaults("lion");
  Trainer other(
      model_.get(), fresh(model_.get(), params), {counting_rows(10), {}}, params, 2, TrainHooks{});
  try {
    other.restore(std::move(*state));
    FAIL() << "taken";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.reason(), "bad_training_state");
    EXPECT_NE(std::string(error.what()).find("optimizer adamw"), std::string::npos);
  }
}

// What the program before the choice of optimizers wrote: {"version": 1, ...}.
TEST_F(ResumeTest, AnOlderVersionIsNamed) {
  const std::string figures = R"({"version": 1, "fingerprint": "f"})";
  tensor::save_safetensors(
      file_,
      {{"figures",
        mx::array(
            reinterpret_cast<const std::uint8_t*>(figures.data()),
            {static_cast<int>(figures.size())},
            mx::uint8)}});
  try {
    load_state(file_);
    FAIL() << "taken";
  } catch (const base::Error& error) {
    EXPECT_NE(std::string(error.what()).find("is of version 1"), std::string::npos) << error.what();
  }
}

TEST_F(ResumeTest, AStateOfAnotherTrainingIsRefused) {
  auto params = tiny_params();
  run(params, 0);
  params.save_every = 2;
  run(params, 0);
  auto state = load_state(file_);
  ASSERT_TRUE(state.has_value());
  params.rank = 3;
  Trainer other(
      model_.get(), fresh(model_.get(), params), {counting_rows(10), {}}, params, 2, TrainHooks{});
  EXPECT_THROW(other.restore(std::move(*state)), base::Error);
}

TEST_F(ResumeTest, ABrokenFileIsNamed) {
  EXPECT_FALSE(load_state(file_).has_value());
  auto params = tiny_params();
  params.save_every = 2;
  run(params, 0);
  const std::string whole = base::read_file(file_);
  for (const std::size_t size : {std::size_t{0}, std::size_t{7}, whole.size() / 2}) {
    std::ofstream(file_, std::ios::binary | std::ios::trunc) << whole.substr(0, size);
    try {
      load_state(file_);
      ADD_FAILURE() << size << " bytes were taken";
    } catch (const base::Error& error) {
      EXPECT_EQ(error.reason(), "bad_training_state");
    }
  }
}

}  // namespace
}  // namespace hub::train

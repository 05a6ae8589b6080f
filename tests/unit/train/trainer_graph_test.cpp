// What changes when and how a Trainer's graphs are computed, and must change no result.
#include <vector>

#include <gtest/gtest.h>

#include "core/tensor/ops.h"
#include "core/train/trainer.h"
#include "tests/unit/train/tiny_training.h"

namespace hub::train {
namespace {

// The same operations in the same order, only twice: the same bits (arXiv:1604.06174).
TEST(TrainerGraphTest, RecomputedActivationsChangeNothingButThePeak) {
  const test::TempDir folder;
  base::Json config = test::tiny_config();
  config["num_hidden_layers"] = 12;
  test::write_tiny_model(folder.path(), config);
  const auto deep = models::load_model(folder.path());
  data::Example row;
  for (int i = 0; i < 256; ++i) {
    row.tokens.push_back(i % 96);
    row.trained.push_back(i % 8 == 0 ? 1 : 0);
  }
  const std::vector<data::Example> rows(4, row);
  for (const char* method : {"lora", "dora"}) {
    SCOPED_TRACE(method);
    auto params = tiny_params();
    params.method = method;
    params.max_seq_length = 256;
    params.dropout = 0.2;
    params.epochs = 3;
    const auto run = [&](bool recompute, std::vector<float>& parameters) {
      params.grad_checkpoint = recompute;
      Trainer training(*deep, fresh(*deep, params), {rows, {}}, params, 4, TrainHooks{});
      const TrainResult result = training.run();
      parameters = flat(training.trained());
      return result;
    };
    std::vector<float> wanted;
    std::vector<float> got;
    const TrainResult kept = run(false, wanted);
    const TrainResult recomputed = run(true, got);
    if (tensor::default_device_is_gpu()) {
      EXPECT_NEAR(recomputed.train_loss, kept.train_loss, 1e-3);
    } else {
      EXPECT_EQ(recomputed.train_loss, kept.train_loss);
      EXPECT_EQ(got, wanted);
      EXPECT_LT(
          static_cast<double>(recomputed.peak_memory_bytes),
          0.6 * static_cast<double>(kept.peak_memory_bytes));
    }
  }
}

// Over an epoch's end, and where a step has several batches or dropout draws, which are not built
// ahead.
TEST(TrainerGraphTest, BuildingTheNextStepAheadChangesNothing) {
  if (tensor::default_device_is_gpu()) {
    GTEST_SKIP() << "a GPU does not give the same bits twice";
  }
  const TinyModel model;
  auto plain = tiny_params();
  plain.epochs = 3;
  plain.eval_every = 2;
  auto dropping = plain;
  dropping.dropout = 0.2;
  auto accumulating = plain;
  accumulating.grad_accumulation_steps = 2;
  for (const auto& params : {plain, dropping, accumulating}) {
    const auto run = [&](bool ahead) {
      std::vector<double> losses;
      TrainHooks hooks;
      hooks.reported = [&](const StepReport& report) { losses.push_back(report.train_loss); };
      hooks.evaluated = [&](const EvalReport& report) { losses.push_back(report.result.loss); };
      Trainer training(
          model.get(),
          fresh(model.get(), params),
          {counting_rows(10), counting_rows(4)},
          params,
          2,
          hooks);
      training.set_builds_ahead(ahead);
      training.run();
      const auto parameters = flat(training.trained());
      losses.insert(losses.end(), parameters.begin(), parameters.end());
      return losses;
    };
    EXPECT_EQ(run(true), run(false)) << params.dropout << " " << params.grad_accumulation_steps;
  }
}

}  // namespace
}  // namespace hub::train

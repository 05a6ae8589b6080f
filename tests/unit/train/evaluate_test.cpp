#include "core/train/evaluate.h"

#include <gtest/gtest.h>

#include "core/base/error.h"
#include "core/tensor/ops.h"
#include "core/train/loss.h"
#include "tests/unit/train/tiny_training.h"

namespace hub::train {
namespace {

TEST(EvaluateTest, IsWeightedByTokensWhateverTheBatches) {
  const TinyModel model;
  const auto rows = counting_rows(9);
  const BatchShape shape{.max_tokens = 64, .pad_multiple = 8};
  const EvalResult one = evaluate(model.get(), nullptr, rows, 1, shape);
  const EvalResult four = evaluate(model.get(), nullptr, rows, 4, shape);
  // A GPU's sums depend on the number of rows.
  const double tolerance = tensor::default_device_is_gpu() ? 2e-4 : 1e-5;
  EXPECT_NEAR(one.loss, four.loss, tolerance);
  EXPECT_EQ(one.tokens, four.tokens);
  EXPECT_EQ(one.rows, 9U);

  double sum = 0.0;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    const std::vector<std::size_t> only = {row};
    mx::array loss = masked_loss_sum(model.get(), nullptr, make_batch(picked(rows, only), shape));
    sum += static_cast<double>(loss.item<float>());
  }
  EXPECT_NEAR(one.loss, sum / static_cast<double>(one.tokens), tolerance);
}

TEST(EvaluateTest, AnAdapterCounts) {
  const TinyModel model;
  const auto rows = counting_rows(4);
  TrainableAdapter adapter = make_adapter(model.get(), tiny_params(), 1);
  const nn::LoraAdapter zero = adapter.adapter();
  const double base = evaluate(model.get(), nullptr, rows, 4, {}).loss;
  EXPECT_NEAR(evaluate(model.get(), &zero, rows, 4, {}).loss, base, 1e-6);  // B is 0
  fill_b(adapter);
  const nn::LoraAdapter filled = adapter.adapter();
  EXPECT_GT(std::abs(evaluate(model.get(), &filled, rows, 4, {}).loss - base), 1e-3);
}

TEST(EvaluateTest, StopsBetweenBatches) {
  const TinyModel model;
  const auto rows = counting_rows(6);
  std::vector<std::size_t> seen;
  const auto keep_going = [&](std::size_t rows_done) {
    seen.push_back(rows_done);
    return rows_done < 4;
  };
  try {
    static_cast<void>(evaluate(model.get(), nullptr, rows, 2, {}, keep_going));
    FAIL() << "went on";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.code(), base::ErrorCode::kCancelled);
  }
  EXPECT_EQ(seen, (std::vector<std::size_t>{0, 2, 4}));
}

TEST(EvaluateTest, RefusesDataWithoutTargets) {
  const TinyModel model;
  try {
    static_cast<void>(evaluate(model.get(), nullptr, counting_rows(3), 2, {.max_tokens = 2}));
    FAIL() << "measured nothing";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.reason(), "no_trained_tokens");
  }
}

}  // namespace
}  // namespace hub::train

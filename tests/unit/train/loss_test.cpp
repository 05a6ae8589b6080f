#include "core/train/loss.h"

#include <cmath>
#include <map>
#include <numeric>

#include <gtest/gtest.h>
#include <mlx/ops.h>
#include <mlx/random.h>
#include <mlx/transforms.h>

#include "core/base/error.h"
#include "core/data/packing.h"
#include "core/kernels/cross_entropy.h"
#include "core/models/attend.h"
#include "core/nn/linear.h"
#include "core/tensor/ops.h"
#include "core/train/gradient_clip.h"
#include "core/train/optimizer.h"
#include "tests/support/default_model.h"
#include "tests/unit/train/golden_file.h"
#include "tests/unit/train/tiny_training.h"

namespace hub::train {
namespace {

std::vector<std::size_t> all_rows(std::size_t count) {
  std::vector<std::size_t> indices(count);
  std::iota(indices.begin(), indices.end(), std::size_t{0});
  return indices;
}

double loss_of(
    const models::LanguageModel& model, const TrainableAdapter& adapter, const Batch& batch) {
  const nn::LoraAdapter bound = adapter.adapter();
  mx::array sum = masked_loss_sum(model, &bound, batch);
  return static_cast<double>(sum.item<float>()) / static_cast<double>(batch.trained_tokens);
}

std::pair<double, std::vector<mx::array>> loss_and_gradients(
    const models::LanguageModel& model, const TrainableAdapter& adapter, const Batch& batch) {
  const auto loss = [&](const std::vector<mx::array>& parameters) {
    const nn::LoraAdapter bound = adapter.bind(parameters);
    const mx::array count(static_cast<float>(batch.trained_tokens));
    return std::vector<mx::array>{masked_loss_sum(model, &bound, batch) / count};
  };
  std::vector<int> all(adapter.parameters.size());
  std::iota(all.begin(), all.end(), 0);
  auto [value, gradients] = mx::value_and_grad(loss, all)(adapter.parameters);
  mx::eval(value);
  mx::eval(gradients);
  return {static_cast<double>(value[0].item<float>()), gradients};
}

// The definition, in double from the logits of every position.
TEST(MaskedLossTest, IsTheMeanCrossEntropyOfTheTrainedTargets) {
  const TinyModel model;
  const auto rows = counting_rows(3);
  const Batch batch = make_batch(rows, {.max_tokens = 64, .pad_multiple = 8});
  const auto attend = models::causal_attend(model.get(), batch.rows, batch.length);
  mx::array logits = model.get().logits(model.get().hidden(batch.inputs, attend, {}), {});
  mx::eval(logits);
  const auto width = static_cast<std::size_t>(logits.shape(1));
  double sum = 0.0;
  std::size_t count = 0;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    for (std::size_t t = 1; t < rows[row].tokens.size(); ++t) {
      if (rows[row].trained[t] == 0) {
        continue;
      }
      const float* at =
          logits.data<float>() + ((row * static_cast<std::size_t>(batch.length)) + t - 1) * width;
      double total = 0.0;
      for (std::size_t v = 0; v < width; ++v) {
        total += std::exp(static_cast<double>(at[v]));
      }
      sum += std::log(total) - static_cast<double>(at[rows[row].tokens[t]]);
      ++count;
    }
  }
  ASSERT_EQ(count, batch.trained_tokens);
  mx::array ours = masked_loss_sum(model.get(), nullptr, batch);
  EXPECT_NEAR(static_cast<double>(ours.item<float>()), sum, 1e-4 * sum);
}

TEST(MaskedLossTest, PaddingChangesNothing) {
  const TinyModel model;
  const auto rows = counting_rows(4);
  const std::vector<std::size_t> indices = all_rows(rows.size());
  mx::array tight =
      masked_loss_sum(model.get(), nullptr, make_batch(picked(rows, indices), {.pad_multiple = 1}));
  mx::array wide = masked_loss_sum(
      model.get(), nullptr, make_batch(picked(rows, indices), {.pad_multiple = 32}));
  // A GPU's sums depend on the number of rows.
  const float tolerance = tensor::default_device_is_gpu() ? 2e-2F : 1e-4F;
  EXPECT_NEAR(tight.item<float>(), wide.item<float>(), tolerance);
}

// A head of 64 to 20 000 over rows of which none shares a chunk's edge.
class ChunkedLossTest : public testing::Test {
 protected:
  static constexpr int kRows = 1000;
  static constexpr int kVocabulary = 20'000;

  ChunkedLossTest() { mx::eval({hidden_, weight_, targets_}); }

  // {loss, gradient of hidden}
  [[nodiscard]] std::vector<mx::array> run(int chunk_rows) const {
    const Head head = [weight = weight_](const mx::array& rows) {
      return nn::matmul_transposed(rows, weight);
    };
    const auto loss = [&](const std::vector<mx::array>& in) {
      // Not the sum itself, so that its own gradient is not 1.
      return std::vector<mx::array>{
          mx::array(0.5F) *
          mx::sum(chunked_losses(head, kernels::cross_entropy, in[0], targets_, chunk_rows))};
    };
    auto [value, gradient] = mx::value_and_grad(loss, std::vector<int>{0})({hidden_});
    return {value[0], gradient[0]};
  }

  mx::array hidden_ = mx::random::normal({kRows, 64}, mx::random::key(1));
  mx::array weight_ = mx::random::normal({kVocabulary, 64}, mx::random::key(2));
  mx::array targets_ = mx::random::randint(0, kVocabulary, {kRows}, mx::int32, mx::random::key(3));
};

TEST_F(ChunkedLossTest, LossAndGradientEqualThoseOfAllRowsAtOnce) {
  auto whole = run(kRows);
  auto chunked = run(96);
  EXPECT_NEAR(
      chunked[0].item<float>(), whole[0].item<float>(), 1e-6F * std::abs(whole[0].item<float>()));
  mx::array difference = mx::max(mx::abs(chunked[1] - whole[1]));
  mx::array largest = mx::max(mx::abs(whole[1]));
  EXPECT_GT(largest.item<float>(), 0.1F);
  EXPECT_LE(difference.item<float>(), 1e-6F * largest.item<float>());
}

// As preference training weighs them: each row's loss has a factor of its own.
TEST_F(ChunkedLossTest, EachRowHasItsOwnGradient) {
  const auto weighted = [&](int chunk_rows) {
    const Head head = [weight = weight_](const mx::array& rows) {
      return nn::matmul_transposed(rows, weight);
    };
    const auto loss = [&](const std::vector<mx::array>& in) {
      const mx::array losses =
          chunked_losses(head, kernels::cross_entropy, in[0], targets_, chunk_rows);
      EXPECT_EQ(losses.shape(), mx::Shape{kRows});
      return std::vector<mx::array>{mx::sum(mx::sin(mx::arange(kRows)) * mx::square(losses))};
    };
    auto [value, gradient] = mx::value_and_grad(loss, std::vector<int>{0})({hidden_});
    mx::eval(value[0], gradient[0]);
    return gradient[0];
  };
  const mx::array whole = weighted(kRows);
  const mx::array chunked = weighted(96);
  mx::array difference = mx::max(mx::abs(chunked - whole));
  mx::array largest = mx::max(mx::abs(whole));
  EXPECT_GT(largest.item<float>(), 0.1F);
  EXPECT_LE(difference.item<float>(), 1e-6F * largest.item<float>());
}

TEST_F(ChunkedLossTest, NeverHoldsTheLogitsOfAllRows) {
  if (tensor::default_device_is_gpu()) {
    GTEST_SKIP() << "a GPU is given 100 MB and more of work at once: all of this";
  }
  constexpr auto all = static_cast<double>(kRows) * kVocabulary * sizeof(float);
  const auto peak = [&](int chunk_rows) {
    const std::uint64_t before = tensor::memory().active;
    auto results = run(chunk_rows);
    tensor::reset_peak_memory();
    mx::eval(results);
    return static_cast<double>(tensor::memory().peak - before);
  };
  EXPECT_GE(peak(kRows), all);
  EXPECT_LT(peak(64), 0.5 * all);
}

// Of a head that is trained too, the gradient must not get lost: all rows at once.
TEST_F(ChunkedLossTest, ATracedHeadGetsItsGradient) {
  const auto loss = [&](const std::vector<mx::array>& in) {
    const Head head = [&](const mx::array& rows) { return nn::matmul_transposed(rows, in[0]); };
    return std::vector<mx::array>{
        mx::sum(chunked_losses(head, kernels::cross_entropy, hidden_, targets_, 96))};
  };
  const auto gradient = mx::value_and_grad(loss, std::vector<int>{0})({weight_}).second;
  EXPECT_GT(mx::max(mx::abs(gradient[0])).item<float>(), 0.0F);
}

// Packed rows do not see each other and no target crosses a border: the same sum, the same
// gradient.
TEST(MaskedLossTest, PackingChangesNothing) {
  const TinyModel model;
  auto params = tiny_params();
  TrainableAdapter adapter = make_adapter(model.get(), params, 3);
  for (mx::array& parameter : adapter.parameters) {  // B is 0 at the start: A would get no gradient
    parameter = parameter + mx::array(0.02F);
  }
  const auto rows = counting_rows(7);
  std::vector<std::size_t> lengths;
  for (const data::RowCounts& row : data::Examples(rows).counts()) {
    lengths.push_back(row.tokens);
  }
  const auto joined = data::Examples(rows).join(data::pack_rows(lengths, 30));
  ASSERT_LT(joined.size(), 4U);
  const Batch plain = make_batch(rows, {.max_tokens = 64, .pad_multiple = 8});
  const Batch packed =
      make_batch(joined.get(all_rows(joined.size())), {.max_tokens = 30, .pad_multiple = 8});
  EXPECT_EQ(packed.sequences.size(), 7U);
  EXPECT_EQ(
      std::accumulate(packed.sequences.begin(), packed.sequences.end(), 0),
      packed.rows * packed.length);
  ASSERT_EQ(packed.trained_tokens, plain.trained_tokens);
  EXPECT_LT(packed.inputs.size(), plain.inputs.size());
  auto [loss, gradients] = loss_and_gradients(model.get(), adapter, plain);
  auto [packed_loss, packed_gradients] = loss_and_gradients(model.get(), adapter, packed);
  EXPECT_NEAR(packed_loss, loss, 1e-6);
  for (std::size_t i = 0; i < gradients.size(); ++i) {
    const auto difference = mx::max(mx::abs(packed_gradients[i] - gradients[i]));
    const auto size = mx::max(mx::abs(gradients[i]));
    EXPECT_LE(mx::array(difference).item<float>(), 1e-5F * mx::array(size).item<float>()) << i;
  }
}

TEST(MaskedLossTest, RefusesABatchWithoutTargets) {
  const TinyModel model;
  auto rows = counting_rows(1);
  std::fill(rows[0].trained.begin(), rows[0].trained.end(), std::uint8_t{0});
  const Batch batch = make_batch(rows, {});
  EXPECT_THROW(static_cast<void>(masked_loss_sum(model.get(), nullptr, batch)), base::Error);
}

// Central differences of the loss in float32: steps of 1e-2 on values whose third derivative is
// small leave an error of about 1e-3 of the largest gradient.
TEST(MaskedLossTest, GradientsAgreeWithFiniteDifferences) {
  const TinyModel model;
  const auto rows = counting_rows(3);
  const Batch batch = make_batch(rows, {.max_tokens = 64, .pad_multiple = 8});
  auto params = tiny_params();
  params.rank = 2;
  params.scale = 2.0;
  TrainableAdapter adapter = make_adapter(model.get(), params, 1);
  fill_b(adapter);
  const auto gradients = loss_and_gradients(model.get(), adapter, batch).second;
  double largest = 0.0;
  for (const mx::array& gradient : gradients) {
    mx::array most = mx::max(mx::abs(gradient));
    largest = std::max(largest, static_cast<double>(most.item<float>()));
  }
  ASSERT_GT(largest, 1e-3);

  const float h = 1e-2F;
  for (std::size_t i = 0; i < adapter.parameters.size(); ++i) {
    const mx::array original = adapter.parameters[i];
    const auto element = static_cast<int>((i * 7) % original.size());
    std::vector<float> bump(original.size(), 0.0F);
    bump[static_cast<std::size_t>(element)] = h;
    const mx::array delta(bump.begin(), original.shape(), mx::float32);
    adapter.parameters[i] = original + delta;
    const double above = loss_of(model.get(), adapter, batch);
    adapter.parameters[i] = original - delta;
    const double below = loss_of(model.get(), adapter, batch);
    adapter.parameters[i] = original;
    const auto exact =
        static_cast<double>(values_of(gradients[i])[static_cast<std::size_t>(element)]);
    EXPECT_NEAR((above - below) / (2.0 * static_cast<double>(h)), exact, 5e-3 * largest)
        << adapter.names()[i] << " element " << element;
  }
}

// What mlx-lm computed (scripts/make_train_goldens.py) on the default model's weights.
class LossGoldenTest : public testing::Test {
 protected:
  LossGoldenTest()
      : golden_(golden("loss_golden.json")),
        model_(models::load_model(test::default_model_folder())) {
    for (const base::Json& row : golden_.at("rows")) {
      data::Example example;
      example.tokens = row.at("tokens").get<std::vector<int>>();
      const auto offset = row.at("offset").get<std::size_t>();
      for (std::size_t i = 0; i < example.tokens.size(); ++i) {
        example.trained.push_back(i >= offset ? 1 : 0);
      }
      rows_.push_back(example);
    }
    params_.rank = golden_.at("rank").get<int>();
    params_.scale = golden_.at("scale").get<double>();
    params_.target_modules = golden_.at("keys").get<std::vector<std::string>>();
    params_.num_layers = golden_.at("num_layers").get<int>();
  }

  [[nodiscard]] Batch batch(const base::Json& recorded, bool compat = true) const {
    const auto indices = recorded.at("rows").get<std::vector<std::size_t>>();
    const int limit = golden_.at("max_seq_length").get<int>();
    return make_batch(
        picked(rows_, indices), {.max_tokens = limit, .pad_multiple = 32, .compat = compat});
  }

  // The adapter that mlx-lm started from.
  [[nodiscard]] TrainableAdapter start() const {
    TrainableAdapter adapter = make_adapter(*model_, params_, 0);
    auto tensors = tensor::load_safetensors(golden_path("lora_init.safetensors"));
    const auto names = adapter.names();
    EXPECT_EQ(names.size(), tensors.size());
    for (std::size_t i = 0; i < names.size(); ++i) {
      adapter.parameters[i] = tensors.at(names[i]);
    }
    return adapter;
  }

  base::Json golden_;
  std::unique_ptr<models::LanguageModel> model_;
  std::vector<data::Example> rows_;
  model_config::FinetuneParams params_;
};

void expect_norms(
    const TrainableAdapter& adapter,
    const std::vector<mx::array>& arrays,
    const base::Json& norms) {
  const auto names = adapter.names();
  ASSERT_EQ(norms.size(), names.size());
  for (std::size_t i = 0; i < names.size(); ++i) {
    const std::vector<mx::array> one = {arrays[i]};
    const auto wanted = norms.at(names[i]).get<double>();
    EXPECT_NEAR(
        static_cast<double>(mx::array(global_norm(one)).item<float>()), wanted, 1e-3 * wanted)
        << names[i];
  }
}

TEST_F(LossGoldenTest, LossesAndGradientsEqualMlxLm) {
  const TrainableAdapter adapter = start();
  ASSERT_EQ(golden_.at("batches").size(), 3U);
  for (const base::Json& recorded : golden_.at("batches")) {
    const Batch cut = batch(recorded);
    SCOPED_TRACE(recorded.at("rows").dump());
    EXPECT_EQ(cut.trained_tokens, recorded.at("tokens").get<std::size_t>());
    mx::array base = masked_loss_sum(*model_, nullptr, cut);
    EXPECT_NEAR(
        static_cast<double>(base.item<float>()) / static_cast<double>(cut.trained_tokens),
        recorded.at("base_loss").get<double>(),
        1e-4);
    const auto [loss, gradients] = loss_and_gradients(*model_, adapter, cut);
    EXPECT_NEAR(loss, recorded.at("loss").get<double>(), 1e-4);
    expect_norms(adapter, gradients, recorded.at("gradient_norms"));
  }
}

// In float64 from mlx-lm's logits, without the pad position: what the loss should be.
TEST_F(LossGoldenTest, StrictLossIsExact) {
  for (const base::Json& recorded : golden_.at("batches")) {
    const Batch cut = batch(recorded, false);
    mx::array base = masked_loss_sum(*model_, nullptr, cut);
    EXPECT_NEAR(
        static_cast<double>(base.item<float>()) / static_cast<double>(cut.trained_tokens),
        recorded.at("exact_strict_base_loss").get<double>(),
        5e-5);
  }
}

TEST_F(LossGoldenTest, FirstAdamWStepsEqualMlxLm) {
  TrainableAdapter adapter = start();
  const base::Json& recorded = golden_.at("adamw");
  const Batch cut = batch(golden_.at("batches").at(recorded.at("batch").get<std::size_t>()));
  const auto optimizer = make_optimizer(
      model_config::OptimizerParams::defaults("adamw"),
      adapter.parameters,
      std::vector<double>(adapter.parameters.size(), recorded.at("weight_decay").get<double>()));
  for (const base::Json& wanted : recorded.at("losses")) {
    const auto [loss, gradients] = loss_and_gradients(*model_, adapter, cut);
    // Adam's first updates are nearly signs: rounding in gradients close to 0 becomes whole steps.
    const double tolerance = optimizer->updates() == 0 ? 1e-4 : 2e-4 * wanted.get<double>();
    EXPECT_NEAR(loss, wanted.get<double>(), tolerance) << "update " << optimizer->updates();
    adapter.parameters = optimizer->update(
        adapter.parameters, gradients, recorded.at("learning_rate").get<double>());
    mx::eval(adapter.parameters);
  }
  expect_norms(adapter, adapter.parameters, recorded.at("norms_after"));
}

}  // namespace
}  // namespace hub::train

// Every way of fine-tuning against mlx-lm (scripts/make_method_goldens.py), one step on a tiny
// model in float32, and against finite differences.
#include <cmath>

#include <gtest/gtest.h>
#include <mlx/ops.h>
#include <mlx/transforms.h>

#include "core/base/error.h"
#include "core/models/model_tensors.h"
#include "core/tensor/ops.h"
#include "core/train/full_weights.h"
#include "core/train/gradient_sum.h"
#include "core/train/loss.h"
#include "tests/unit/train/golden_model.h"
#include "tests/unit/train/tiny_training.h"

namespace hub::train {
namespace {

class MethodTest : public testing::TestWithParam<std::size_t> {
 protected:
  MethodTest()
      : case_(golden_.at("cases").at(GetParam())),
        model_(
            golden_.at("config"),
            case_.at("tied").get<bool>(),
            case_.at("bits").get<int>(),
            golden_.at("group_size").get<int>()),
        rows_(golden_rows(golden_.at("rows"))) {
    params_.method = case_.at("method").get<std::string>();
    params_.rank = golden_.at("rank").get<int>();
    params_.scale = golden_.at("scale").get<double>();
    params_.num_layers = case_.at("num_layers").get<int>();
    if (params_.method != "full") {
      params_.target_modules = case_.at("keys").get<std::vector<std::string>>();
    }
    trained_ = make();
    const auto start = tensor::load_safetensors(golden_path("methods/start.safetensors"));
    const std::string prefix = case_.at("name").get<std::string>() + "/";
    names_ = trained_->names();
    for (std::size_t i = 0; i < names_.size(); ++i) {
      trained_->parameters[i] = start.at(prefix + names_[i]);
    }
    mx::eval(trained_->parameters);
  }

  [[nodiscard]] std::unique_ptr<Trainable> make() const {
    if (params_.method == "full") {
      return std::make_unique<TrainableWeights>(make_full_weights(
          std::make_shared<models::ModelTensors>(models::load_tensors(model_.folder())), params_));
    }
    return fresh(model_.get(), params_);
  }

  [[nodiscard]] Batch batch(bool compat) const {
    const auto indices = golden_.at("batch").get<std::vector<std::size_t>>();
    const int limit = golden_.at("max_seq_length").get<int>();
    return make_batch(
        picked(rows_, indices), {.max_tokens = limit, .pad_multiple = 32, .compat = compat});
  }

  static double mean_loss(const PlacedModel& placed, const Batch& batch) {
    mx::array sum = masked_loss_sum(*placed.model, &placed.adapter, batch);
    return static_cast<double>(sum.item<float>()) / static_cast<double>(batch.trained_tokens);
  }

  [[nodiscard]] PlacedModel placed(const std::vector<mx::array>& values) const {
    return trained_->place(model_.get(), values, std::nullopt);
  }

  [[nodiscard]] std::pair<double, std::vector<mx::array>> loss_and_gradients(
      const Batch& batch, bool recompute = false) const {
    GradientSum sum(false);
    const auto loss = [&](const std::vector<mx::array>& values) {
      PlacedModel model = placed(values);
      model.adapter.recompute = recompute;
      return masked_loss_sum(*model.model, &model.adapter, batch);
    };
    sum.add(loss, trained_->parameters, batch.trained_tokens);
    auto gradients = sum.take_mean();
    mx::eval(gradients);
    const auto total = static_cast<double>(mx::array(sum.loss()).item<float>());
    return {total / static_cast<double>(batch.trained_tokens), gradients};
  }

  base::Json golden_ = golden("methods/methods.json");
  base::Json case_;
  GoldenModel model_;
  std::vector<data::Example> rows_;
  model_config::FinetuneParams params_;
  std::unique_ptr<Trainable> trained_;
  std::vector<std::string> names_;
};

// Float32 on both sides: losses to 1e-4; a gradient's norm and one projection of it to 1e-3 of the
// norm.
TEST_P(MethodTest, LossAndGradientsEqualMlxLm) {
  const Batch cut = batch(true);
  EXPECT_EQ(cut.trained_tokens, case_.at("tokens").get<std::size_t>());
  const PlacedModel base{&model_.get(), {}, nullptr};
  EXPECT_NEAR(mean_loss(base, cut), case_.at("base_loss").get<double>(), 1e-4);
  const auto [loss, gradients] = loss_and_gradients(cut);
  EXPECT_NEAR(loss, case_.at("loss").get<double>(), 1e-4);
  ASSERT_EQ(names_.size(), case_.at("gradients").size());
  for (std::size_t i = 0; i < names_.size(); ++i) {
    double squares = 0.0;
    double projection = 0.0;
    double number = 1.0;
    for (const float value : values_of(gradients[i])) {
      squares += static_cast<double>(value) * static_cast<double>(value);
      projection += static_cast<double>(value) * std::sin(number++);
    }
    const auto wanted = case_.at("gradients").at(names_[i]).get<std::vector<double>>();
    EXPECT_NEAR(std::sqrt(squares), wanted[0], 1e-3 * wanted[0] + 1e-6) << names_[i];
    EXPECT_NEAR(projection, wanted[1], 1e-3 * wanted[0] + 1e-6) << names_[i];
  }
}

// The same operations in the same order, only twice (arXiv:1604.06174).
TEST_P(MethodTest, RecomputedActivationsChangeNoBit) {
  if (tensor::default_device_is_gpu()) {
    GTEST_SKIP() << "the CPU kernels' promise";
  }
  const Batch cut = batch(false);
  const auto [wanted_loss, wanted] = loss_and_gradients(cut);
  const auto [loss, gradients] = loss_and_gradients(cut, true);
  EXPECT_EQ(loss, wanted_loss);
  ASSERT_EQ(gradients.size(), wanted.size());
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    EXPECT_EQ(values_of(gradients[i]), values_of(wanted[i])) << names_[i];
  }
}

// A fresh training is the base: B = 0, and DoRA's magnitudes are the weight's own.
TEST_P(MethodTest, BeginsAtTheBase) {
  const Batch cut = batch(false);
  const PlacedModel base{&model_.get(), {}, nullptr};
  const auto untrained = make();
  const PlacedModel begun = untrained->place(model_.get(), untrained->parameters, std::nullopt);
  EXPECT_NEAR(mean_loss(begun, cut), mean_loss(base, cut), 1e-5);
}

// Central differences in one element of each array. DoRA's gradient takes the norms of the adapted
// weight as constants (arXiv:2402.09353 section 4.3), so they are kept here, too.
TEST_P(MethodTest, GradientsAgreeWithFiniteDifferences) {
  const Batch cut = batch(false);
  const auto gradients = loss_and_gradients(cut).second;
  double largest = 0.0;
  for (const mx::array& gradient : gradients) {
    mx::array most = mx::max(mx::abs(gradient));
    largest = std::max(largest, static_cast<double>(most.item<float>()));
  }
  ASSERT_GT(largest, 1e-3);
  const PlacedModel unmoved = placed(trained_->parameters);
  const float h = 1e-2F;
  const auto loss_at = [&](std::size_t i, const mx::array& delta) {
    std::vector<mx::array> values = trained_->parameters;
    values[i] = values[i] + delta;
    PlacedModel moved = placed(values);
    if (!names_[i].ends_with(".m")) {
      for (auto& [path, weights] : moved.adapter.layers) {
        weights.dora = unmoved.adapter.layers.at(path).dora;
      }
    }
    return mean_loss(moved, cut);
  };
  for (std::size_t i = 0; i < names_.size(); ++i) {
    const mx::Shape& shape = trained_->parameters[i].shape();
    const std::size_t size = trained_->parameters[i].size();
    const std::size_t element = (i * 7) % size;
    std::vector<float> bump(size, 0.0F);
    bump[element] = h;
    const mx::array delta(bump.begin(), shape, mx::float32);
    const double slope =
        (loss_at(i, delta) - loss_at(i, mx::negative(delta))) / (2.0 * static_cast<double>(h));
    const auto exact = static_cast<double>(values_of(gradients[i])[element]);
    EXPECT_NEAR(slope, exact, 5e-3 * largest) << names_[i] << " element " << element;
  }
}

// What is written is what was trained.
TEST_P(MethodTest, TheSavedResultMeansTheSame) {
  const test::TempDir folder;
  trained_->save(folder.path(), model_.get(), {{"model", "tiny"}});
  const Batch cut = batch(false);
  const double wanted = mean_loss(placed(trained_->parameters), cut);
  if (params_.method == "full") {
    ASSERT_TRUE(models::holds_full_weights(folder.path()));
    models::ModelTensors tensors = models::load_tensors(model_.folder());
    models::load_full_weights(folder.path(), tensors);
    const auto loaded = models::make_model(tensors);
    EXPECT_NEAR(mean_loss({loaded.get(), {}, nullptr}, cut), wanted, 1e-6);
    EXPECT_THROW(models::load_adapter(folder.path(), model_.get()), base::Error);
    return;
  }
  const nn::LoraAdapter loaded = models::load_adapter(folder.path(), model_.get());
  EXPECT_NEAR(mean_loss({&model_.get(), loaded, nullptr}, cut), wanted, 1e-6);
  const auto next = continue_adapter(loaded, model_.get(), params_);
  EXPECT_EQ(next.names(), names_);
  EXPECT_EQ(flat(next), flat(*trained_));
}

INSTANTIATE_TEST_SUITE_P(
    Methods, MethodTest, testing::Range<std::size_t>(0, 16), [](const auto& tested) {
      static const base::Json all = golden("methods/methods.json");
      return all.at("cases").at(tested.param).at("name").template get<std::string>();
    });

TEST(MethodGoldensTest, AreAllTested) {
  EXPECT_EQ(golden("methods/methods.json").at("cases").size(), 16U);
}

}  // namespace
}  // namespace hub::train

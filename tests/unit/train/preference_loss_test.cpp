// DPO, IPO, SLiC's hinge and ORPO against TRL's formulas over mlx-lm's model
// (scripts/make_preference_goldens.py), in float32 on both sides, and against finite differences.
#include "core/train/preference_loss.h"

#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>
#include <mlx/ops.h>
#include <mlx/transforms.h>

#include "core/train/gradient_sum.h"
#include "core/train/objective.h"
#include "core/train/rewards.h"
#include "tests/unit/train/golden_model.h"
#include "tests/unit/train/pairs.h"
#include "tests/unit/train/tiny_training.h"

namespace hub::train {
namespace {

std::vector<data::Example> golden_pairs(const base::Json& pairs) {
  std::vector<data::Example> examples;
  for (const base::Json& pair : pairs) {
    const auto half = [&pair](const char* name) {
      return golden_rows(
          base::Json::array({{{"tokens", pair.at(name)}, {"offset", pair.at("offset")}}}))[0];
    };
    examples.push_back(half("chosen"));
    examples.back().rejected = std::make_shared<const data::Example>(half("rejected"));
  }
  return examples;
}

class PreferenceLossTest : public testing::TestWithParam<std::size_t> {
 protected:
  struct Measured {
    double loss = 0.0;
    Rewards rewards;
    std::vector<mx::array> gradients;
  };

  PreferenceLossTest()
      : case_(golden_.at("cases").at(GetParam())),
        model_(golden_.at("config"), true, 0, 32),
        pairs_(golden_pairs(golden_.at("pairs"))) {
    params_.objective = case_.at("objective").get<std::string>();
    params_.loss_type = case_.at("loss_type").get<std::string>();
    params_.beta = case_.at("beta").get<double>();
    params_.label_smoothing = case_.at("label_smoothing").get<double>();
    params_.rank = golden_.at("rank").get<int>();
    params_.scale = golden_.at("scale").get<double>();
    params_.target_modules = golden_.at("keys").get<std::vector<std::string>>();
    trained_ = fresh(model_.get(), params_);
    // B = 0: the base.
    objective_ =
        make_objective(params_, pairs_, shape_, [this] { return placed(trained_->parameters); });
    const auto start = tensor::load_safetensors(golden_path("preference_start.safetensors"));
    names_ = trained_->names();
    EXPECT_EQ(start.size(), names_.size());
    for (std::size_t i = 0; i < names_.size(); ++i) {
      trained_->parameters[i] = start.at(names_[i]);
    }
  }

  [[nodiscard]] PlacedModel placed(const std::vector<mx::array>& values) const {
    return trained_->place(model_.get(), values, std::nullopt);
  }

  // Over the rows in one batch, or in several.
  [[nodiscard]] Measured measure(std::size_t batch_size) const {
    GradientSum sum(false);
    for (std::size_t begin = 0; begin < pairs_.size(); begin += batch_size) {
      std::vector<std::size_t> indices;
      for (std::size_t i = begin; i < std::min(begin + batch_size, pairs_.size()); ++i) {
        indices.push_back(i);
      }
      const LossBatch batch = objective_->batch(indices);
      EXPECT_EQ(batch.weight, indices.size());
      sum.add(
          [&](const std::vector<mx::array>& values) { return batch.sums(placed(values)); },
          trained_->parameters,
          batch.weight);
    }
    Measured measured;
    measured.gradients = sum.take_mean();
    mx::eval(measured.gradients);
    sum.evaluate();
    const auto count = static_cast<double>(sum.weight());
    measured.loss = static_cast<double>(mx::array(sum.loss()).item<float>()) / count;
    measured.rewards.add(sum.others()->data<float>());
    measured.rewards = measured.rewards.mean(count);
    return measured;
  }

  void expect_golden(const Measured& measured) const {
    EXPECT_NEAR(measured.loss, case_.at("loss").get<double>(), 1e-4);
    EXPECT_NEAR(measured.rewards.chosen, case_.at("reward_chosen").get<double>(), 1e-4);
    EXPECT_NEAR(measured.rewards.rejected, case_.at("reward_rejected").get<double>(), 1e-4);
    EXPECT_NEAR(measured.rewards.accuracy, case_.at("reward_accuracy").get<double>(), 1e-6);
    for (std::size_t i = 0; i < names_.size(); ++i) {
      double squares = 0.0;
      double projection = 0.0;
      double number = 1.0;
      for (const float value : values_of(measured.gradients[i])) {
        squares += static_cast<double>(value) * static_cast<double>(value);
        projection += static_cast<double>(value) * std::sin(number++);
      }
      const auto wanted = case_.at("gradients").at(names_[i]).get<std::vector<double>>();
      EXPECT_NEAR(std::sqrt(squares), wanted[0], 1e-3 * wanted[0] + 1e-6) << names_[i];
      EXPECT_NEAR(projection, wanted[1], 1e-3 * wanted[0] + 1e-6) << names_[i];
    }
  }

  BatchShape shape_{.max_tokens = 64, .pad_multiple = 8};
  base::Json golden_ = golden("preference.json");
  base::Json case_;
  GoldenModel model_;
  std::vector<data::Example> pairs_;
  model_config::FinetuneParams params_;
  std::unique_ptr<Trainable> trained_;
  std::unique_ptr<Objective> objective_;
  std::vector<std::string> names_;
};

// Losses and rewards to 1e-4; a gradient's norm and one projection of it to 1e-3 of the norm.
TEST_P(PreferenceLossTest, LossRewardsAndGradientsAreTrls) {
  expect_golden(measure(pairs_.size()));
}

TEST_P(PreferenceLossTest, PairsCountTheSameInAnyBatches) {
  expect_golden(measure(2));
}

TEST_P(PreferenceLossTest, LogProbabilitiesAreTrls) {
  const std::vector<std::size_t> all = {0, 1, 2, 3, 4};
  const bool average = params_.objective == "orpo" || params_.loss_type == "ipo";
  const AnswerLogProbs ours = answer_log_probs(
      placed(trained_->parameters), make_pair_batch(picked(pairs_, all), shape_), average);
  auto got = values_of(ours.chosen);
  const auto rejected = values_of(ours.rejected);
  got.insert(got.end(), rejected.begin(), rejected.end());
  const auto wanted = case_.at("log_probs").get<std::vector<double>>();
  ASSERT_EQ(got.size(), wanted.size());
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    EXPECT_NEAR(static_cast<double>(got[i]), wanted[i], 2e-4) << i;
  }
}

// Central differences in one element of each array.
TEST_P(PreferenceLossTest, GradientsAgreeWithFiniteDifferences) {
  const std::vector<mx::array> gradients = measure(pairs_.size()).gradients;
  double largest = 0.0;
  for (const mx::array& gradient : gradients) {
    mx::array most = mx::max(mx::abs(gradient));
    largest = std::max(largest, static_cast<double>(most.item<float>()));
  }
  ASSERT_GT(largest, 1e-3);
  const float h = 2e-3F;
  for (std::size_t i = 0; i < names_.size(); ++i) {
    const mx::array original = trained_->parameters[i];
    const std::size_t element = (i * 7) % original.size();
    std::vector<float> bump(original.size(), 0.0F);
    bump[element] = h;
    const mx::array delta(bump.begin(), original.shape(), mx::float32);
    trained_->parameters[i] = original + delta;
    const double above = measure(pairs_.size()).loss;
    trained_->parameters[i] = original - delta;
    const double below = measure(pairs_.size()).loss;
    trained_->parameters[i] = original;
    const auto exact = static_cast<double>(values_of(gradients[i])[element]);
    EXPECT_NEAR((above - below) / (2.0 * static_cast<double>(h)), exact, 1e-2 * largest)
        << names_[i] << " element " << element;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Cases, PreferenceLossTest, testing::Range<std::size_t>(0, 7), [](const auto& tested) {
      static const base::Json all = golden("preference.json");
      return all.at("cases").at(tested.param).at("name").template get<std::string>();
    });

TEST(PreferenceGoldensTest, AreAllTested) {
  EXPECT_EQ(golden("preference.json").at("cases").size(), 7U);
}

AnswerLogProbs log_probs(float chosen, float rejected) {
  return {.chosen = mx::array({chosen}), .rejected = mx::array({rejected})};
}

// Log-ratios that float32's exp cannot hold, and certainty, whose odds are infinite.
TEST(PreferenceSums, ExtremesStayFinite) {
  model_config::FinetuneParams params;
  params.objective = "dpo";
  params.beta = 1.0;
  const AnswerLogProbs zero = log_probs(0.0F, 0.0F);
  EXPECT_NEAR(values_of(dpo_sums(log_probs(-500.0F, 0.0F), zero, params))[0], 500.0F, 1e-3F);
  EXPECT_NEAR(values_of(dpo_sums(log_probs(0.0F, -500.0F), zero, params))[0], 0.0F, 1e-6F);
  const auto loss = [](const std::vector<mx::array>& in) {
    return std::vector<mx::array>{
        mx::sum(mx::slice(orpo_sums({.chosen = in[0], .rejected = in[1]}, 0.1), {0}, {1}))};
  };
  for (const auto& [chosen, rejected] :
       {std::pair(0.0F, -1.0F), std::pair(-1.0F, 0.0F), std::pair(-80.0F, -1e-8F)}) {
    auto [value, gradients] =
        mx::value_and_grad(loss, {0, 1})({mx::array({chosen}), mx::array({rejected})});
    EXPECT_TRUE(std::isfinite(values_of(value[0])[0])) << chosen << " " << rejected;
    EXPECT_TRUE(std::isfinite(values_of(gradients[0])[0])) << chosen << " " << rejected;
    EXPECT_TRUE(std::isfinite(values_of(gradients[1])[0])) << chosen << " " << rejected;
  }
}

}  // namespace
}  // namespace hub::train

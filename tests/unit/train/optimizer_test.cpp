#include "core/train/optimizer.h"

#include <gtest/gtest.h>
#include <mlx/ops.h>
#include <mlx/transforms.h>

#include "core/base/error.h"
#include "core/train/gradient_clip.h"
#include "core/train/lr_schedule.h"
#include "tests/unit/train/golden_file.h"
#include "tests/unit/train/tiny_training.h"

namespace hub::train {
namespace {

using model_config::OptimizerParams;

std::unique_ptr<Optimizer> made(
    const std::string& name, const std::vector<mx::array>& parameters, double decay = 0.0) {
  return make_optimizer(
      OptimizerParams::defaults(name), parameters, std::vector<double>(parameters.size(), decay));
}

// What scripts/make_optimizer_goldens.py recorded: sum(weight (w - target)^2) over three arrays.
class OptimizerGoldenTest : public testing::Test {
 protected:
  [[nodiscard]] std::vector<mx::array> arrays(const base::Json& flat) const {
    std::vector<mx::array> result;
    for (std::size_t i = 0; i < flat.size(); ++i) {
      const auto values = flat.at(i).get<std::vector<float>>();
      const auto sizes = golden_.at("shapes").at(i).get<std::vector<int>>();
      result.emplace_back(values.begin(), mx::Shape(sizes.begin(), sizes.end()), mx::float32);
    }
    return result;
  }

  void replay(const base::Json& run) {
    const auto target = arrays(golden_.at("target"));
    const auto weight = arrays(golden_.at("weight"));
    auto parameters = arrays(golden_.at("start"));
    const auto settings = OptimizerParams::from_json(
        run.at("optimizer").get<std::string>(), run.at("optimizer_config"), "optimizer_config");
    const double decay = run.at("weight_decay").is_null() ? settings.default_weight_decay()
                                                          : run.at("weight_decay").get<double>();
    const auto optimizer =
        make_optimizer(settings, parameters, std::vector<double>(parameters.size(), decay));
    model_config::FinetuneParams params;
    params.lr_schedule = "cosine";
    params.learning_rate = golden_.at("learning_rate").get<double>();
    params.warmup_steps = golden_.at("warmup_steps").get<int>();
    const LrSchedule schedule(params, golden_.at("total").get<int>());
    const auto max_norm = run.at("max_grad_norm").get<float>();
    for (const base::Json& step : run.at("updates")) {
      std::vector<mx::array> gradients;
      gradients.reserve(parameters.size());
      for (std::size_t i = 0; i < parameters.size(); ++i) {
        gradients.push_back(mx::array(2.0F) * weight[i] * (parameters[i] - target[i]));
      }
      mx::array norm = global_norm(gradients);
      if (max_norm > 0) {
        gradients = clip_by_norm(gradients, norm, max_norm);
      }
      const double rate = schedule.at(optimizer->updates());
      EXPECT_NEAR(rate, step.at("learning_rate").get<double>(), 1e-8);
      EXPECT_NEAR(norm.item<float>(), step.at("norm").get<float>(), 1e-4);
      parameters = optimizer->update(parameters, gradients, rate);
      mx::eval(parameters);
      compare(parameters, step.at("parameters"), optimizer->updates());
    }
  }

  // Float32 on both sides; Muon's iteration carries rounding furthest.
  static void compare(
      const std::vector<mx::array>& parameters, const base::Json& wanted, int update) {
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      const auto values = values_of(parameters[i]);
      ASSERT_EQ(values.size(), wanted.at(i).size());
      for (std::size_t j = 0; j < values.size(); ++j) {
        EXPECT_NEAR(values[j], wanted.at(i).at(j).get<float>(), 3e-6F)
            << "update " << update << ", array " << i << ", element " << j;
      }
    }
  }

  base::Json golden_ = golden("optimizers_golden.json");
};

TEST_F(OptimizerGoldenTest, EqualsMlxOptimizers) {
  ASSERT_EQ(golden_.at("runs").size(), 19U);
  for (const base::Json& run : golden_.at("runs")) {
    SCOPED_TRACE(
        run.at("optimizer").dump() + " " + run.at("optimizer_config").dump() + ", weight decay " +
        run.at("weight_decay").dump() + ", max_grad_norm " + run.at("max_grad_norm").dump());
    replay(run);
  }
}

class EachOptimizerTest : public testing::TestWithParam<const char*> {};

// Half the updates, state() saved and put into a new optimizer, the other half: the same bits.
TEST_P(EachOptimizerTest, GoesOnFromItsState) {
  const auto key = [](int i) { return mx::random::key(static_cast<std::uint64_t>(i)); };
  const std::vector<mx::array> start = {
      mx::random::normal({3, 5}, mx::float32, key(1)),
      mx::random::normal({4}, mx::float32, key(2))};
  const auto gradients = [&](int update) {
    return std::vector<mx::array>{
        mx::random::normal({3, 5}, mx::float32, key(10 + update)),
        mx::random::normal({4}, mx::float32, key(50 + update))};
  };
  const auto go = [&](Optimizer& optimizer, std::vector<mx::array> parameters, int from, int to) {
    for (int update = from; update < to; ++update) {
      parameters = optimizer.update(parameters, gradients(update), 0.01);
      mx::eval(parameters);
      mx::eval(optimizer.state());
    }
    return parameters;
  };
  const auto whole = made(GetParam(), start, 0.1);
  const auto wanted = go(*whole, start, 0, 6);

  const auto first = made(GetParam(), start, 0.1);
  const auto half = go(*first, start, 0, 3);
  const auto second = made(GetParam(), start, 0.1);
  second->restore(first->state(), first->updates());
  const auto got = go(*second, half, 3, 6);
  EXPECT_EQ(second->updates(), 6);
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    EXPECT_EQ(values_of(got[i]), values_of(wanted[i]));
    EXPECT_NE(values_of(got[i]), values_of(start[i]));
  }
}

INSTANTIATE_TEST_SUITE_P(
    Optimizers,
    EachOptimizerTest,
    testing::Values("adam", "adamw", "sgd", "lion", "adafactor", "muon"),
    [](const auto& tested) { return std::string(tested.param); });

TEST(OptimizerTest, KeepsWhatItsMethodNeeds) {
  const std::vector<mx::array> parameters = {mx::zeros({2, 3}), mx::zeros({4})};
  EXPECT_EQ(made("adamw", parameters)->state().size(), 4U);
  EXPECT_EQ(made("lion", parameters)->state().size(), 2U);
  EXPECT_TRUE(made("sgd", parameters)->state().empty());
  const auto adafactor = made("adafactor", parameters);
  ASSERT_EQ(adafactor->state().size(), 3U);
  EXPECT_EQ(adafactor->state()[0].shape(), (mx::Shape{2}));
  EXPECT_EQ(adafactor->state()[1].shape(), (mx::Shape{3}));
  EXPECT_EQ(adafactor->state()[2].shape(), (mx::Shape{4}));
}

TEST(OptimizerTest, RefusesAStateOfAnother) {
  const std::vector<mx::array> parameters = {mx::zeros({2, 3})};
  const auto adamw = made("adamw", parameters);
  try {
    made("lion", parameters)->restore(adamw->state(), 3);
    FAIL() << "taken";
  } catch (const base::Error& error) {
    EXPECT_EQ(error.reason(), "bad_training_state");
  }
  const std::vector<mx::array> others = {mx::zeros({3, 3})};
  EXPECT_THROW(made("adamw", others)->restore(adamw->state(), 3), base::Error);
}

TEST(OptimizerTest, RefusesAnUnknownName) {
  OptimizerParams params;
  params.name = "adadelta";
  EXPECT_THROW(make_optimizer(params, {}, {}), base::Error);
}

// Decay without a gradient moves only the parameter that has one.
TEST(OptimizerTest, DecaysWhatItIsTold) {
  const std::vector<mx::array> parameters = {mx::ones({2, 2}), mx::ones({2, 2})};
  const std::vector<mx::array> gradients = {mx::zeros({2, 2}), mx::zeros({2, 2})};
  const auto adamw = make_optimizer(OptimizerParams::defaults("adamw"), parameters, {0.5, 0.0});
  const auto updated = adamw->update(parameters, gradients, 0.1);
  EXPECT_FLOAT_EQ(values_of(updated[0])[0], 0.95F);
  EXPECT_FLOAT_EQ(values_of(updated[1])[0], 1.0F);
}

}  // namespace
}  // namespace hub::train

#include "core/train/adamw.h"

#include <gtest/gtest.h>
#include <mlx/ops.h>
#include <mlx/transforms.h>

#include "core/train/lr_schedule.h"
#include "tests/unit/train/golden_file.h"

namespace hub::train {
namespace {

mx::array vector_of(const base::Json& json) {
  const auto values = json.get<std::vector<float>>();
  return mx::array(values.begin(), mx::Shape{static_cast<int>(values.size())}, mx::float32);
}

// Updates w on sum(weight (w - target)^2) as the golden's run did; compares after each update.
void replay(const base::Json& toy, const base::Json& run) {
  const mx::array target = vector_of(toy.at("target"));
  const mx::array weight = vector_of(toy.at("weight"));
  std::vector<mx::array> parameters = {vector_of(toy.at("start"))};
  AdamWSettings settings;
  settings.weight_decay = 0.1;
  settings.bias_correction = run.at("bias_correction").get<bool>();
  AdamW optimizer(settings, parameters);
  const LrSchedule schedule("cosine", 0.05, 2, 8);
  const auto max_norm = run.at("max_grad_norm").get<float>();
  for (const base::Json& step : run.at("updates")) {
    std::vector<mx::array> gradients = {
        mx::array(2.0F) * weight * (parameters[0] - target),
    };
    mx::array norm = global_norm(gradients);
    if (max_norm > 0) {
      gradients = clip_by_norm(gradients, norm, max_norm);
    }
    const double rate = schedule.at(optimizer.updates());
    parameters = optimizer.update(parameters, gradients, rate);
    mx::eval(parameters[0], norm);
    EXPECT_NEAR(rate, step.at("learning_rate").get<double>(), 1e-8);
    EXPECT_NEAR(norm.item<float>(), step.at("norm").get<float>(), 1e-4);
    const auto wanted = step.at("w").get<std::vector<float>>();
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      EXPECT_NEAR(parameters[0].data<float>()[i], wanted[i], 2e-6)
          << "update " << optimizer.updates() << " element " << i;
    }
  }
}

TEST(AdamWTest, EqualsMlxOptimizers) {
  const base::Json toy = golden("adamw_golden.json");
  ASSERT_EQ(toy.at("runs").size(), 4U);
  for (const base::Json& run : toy.at("runs")) {
    SCOPED_TRACE(
        "bias_correction " + run.at("bias_correction").dump() + ", max_grad_norm " +
        run.at("max_grad_norm").dump());
    replay(toy, run);
  }
}

TEST(AdamWTest, ClippingLeavesSmallGradientsAlone) {
  const std::vector<mx::array> gradients = {mx::array({3.0F}), mx::array({4.0F})};
  const mx::array norm = global_norm(gradients);
  EXPECT_FLOAT_EQ(mx::array(norm).item<float>(), 5.0F);
  const auto same = clip_by_norm(gradients, norm, 10.0F);
  EXPECT_FLOAT_EQ(mx::array(same[1]).item<float>(), 4.0F);
  const auto clipped = clip_by_norm(gradients, norm, 1.0F);
  EXPECT_NEAR(mx::array(global_norm(clipped)).item<float>(), 1.0F, 1e-5F);
}

TEST(AdamWTest, KeepsTwoMomentsForEachParameter) {
  const std::vector<mx::array> parameters = {mx::zeros({2, 3}), mx::zeros({4})};
  const AdamW optimizer({}, parameters);
  const auto state = optimizer.state();
  ASSERT_EQ(state.size(), 4U);
  EXPECT_EQ(state[0].shape(), (mx::Shape{2, 3}));
  EXPECT_EQ(state[3].shape(), (mx::Shape{4}));
}

}  // namespace
}  // namespace hub::train

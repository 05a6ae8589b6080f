#include "core/kernels/cross_entropy.h"

#include <cmath>
#include <random>

#include <gtest/gtest.h>
#include <mlx/ops.h>
#include <mlx/transforms.h>

#include "core/base/error.h"
#include "core/kernels/cpu_level.h"
#include "core/tensor/ops.h"
#include "tests/unit/kernels/kernel_inputs.h"

namespace hub::kernels {
namespace {

mx::array targets_below(int rows, int vocabulary) {
  std::mt19937 generator(5);
  std::uniform_int_distribution<int> pick(0, vocabulary - 1);
  std::vector<int> targets;
  targets.reserve(static_cast<std::size_t>(rows));
  for (int i = 0; i < rows; ++i) {
    targets.push_back(pick(generator));
  }
  return mx::array(targets.begin(), {rows}, mx::int32);
}

class CrossEntropyTest : public LevelTest {};

TEST_P(CrossEntropyTest, LossAndGradientEqualSumsInDouble) {
  const ScopedCpuLevel forced(GetParam());
  for (const auto& [rows, vocabulary] : {std::pair{1, 1}, {3, 17}, {5, 1000}, {33, 49152}}) {
    const auto logits = random_array({rows, vocabulary}, 1, 4.0F);
    const auto targets = targets_below(rows, vocabulary);
    const auto factors = random_array({rows}, 2);
    const auto loss = [&](const std::vector<mx::array>& in) {
      return std::vector{cross_entropy(in[0], targets)};
    };
    const auto [losses, gradients] = mx::vjp(loss, {logits}, {factors});
    const auto x = values(logits);
    const auto scale = values(factors);
    std::vector<double> wanted_loss;
    std::vector<double> wanted_gradient;
    for (std::size_t row = 0; row < static_cast<std::size_t>(rows); ++row) {
      const auto* at = x.data() + row * static_cast<std::size_t>(vocabulary);
      double sum = 0;
      for (int i = 0; i < vocabulary; ++i) {
        sum += std::exp(double{at[i]});
      }
      const auto target = targets.data<int>()[row];
      wanted_loss.push_back(std::log(sum) - double{at[target]});
      for (int i = 0; i < vocabulary; ++i) {
        const double p = std::exp(double{at[i]}) / sum - (i == target ? 1.0 : 0.0);
        wanted_gradient.push_back(p * double{scale[row]});
      }
    }
    for (std::size_t i = 0; i < wanted_loss.size(); ++i) {
      EXPECT_NEAR(values(losses[0])[i], wanted_loss[i], 2e-5) << rows << " x " << vocabulary;
    }
    if (vocabulary > 1) {
      EXPECT_LE(relative_error(values(gradients[0]), wanted_gradient), 1e-5);
    } else {
      EXPECT_NEAR(values(gradients[0])[0], 0.0F, 1e-6F);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Levels, CrossEntropyTest, testing::ValuesIn(available_cpu_levels()), [](const auto& each) {
      return std::string(to_string(each.param));
    });

TEST(CrossEntropy, LogitsInUseAreNotOverwritten) {
  const auto logits = random_array({4, 50}, 1);
  const auto before = values(logits);
  const auto targets = targets_below(4, 50);
  const auto loss = [&](const std::vector<mx::array>& in) {
    return std::vector{mx::sum(cross_entropy(in[0], targets))};
  };
  auto gradient = mx::vjp(loss, {logits}, {mx::array(1.0F)}).second[0];
  gradient.eval();
  EXPECT_TRUE(same_bits(values(logits), before));
  // The same through logits that only the graph holds.
  const auto doubled = [&](const std::vector<mx::array>& in) {
    return std::vector{mx::sum(cross_entropy(in[0] * mx::array(2.0F), targets))};
  };
  auto through = mx::vjp(doubled, {logits * mx::array(0.5F)}, {mx::array(1.0F)}).second[0];
  EXPECT_LE(relative_error(through, gradient * mx::array(2.0F)), 1e-6);
}

TEST(CrossEntropy, TargetOutOfRangeIsNan) {
  const auto loss = values(
      cross_entropy(random_array({3, 7}, 1), mx::array({2, 7, -1}, mx::Shape{3}, mx::int32)));
  EXPECT_TRUE(std::isfinite(loss[0]));
  EXPECT_TRUE(std::isnan(loss[1]));
  EXPECT_TRUE(std::isnan(loss[2]));
}

TEST(CrossEntropy, RefusesWhatDoesNotFit) {
  EXPECT_THROW(cross_entropy(mx::zeros({2, 3}), mx::zeros({3}, mx::int32)), base::Error);
  EXPECT_THROW(cross_entropy(mx::zeros({2, 3}), mx::zeros({2})), base::Error);
  EXPECT_THROW(cross_entropy(mx::zeros({6}), mx::zeros({6}, mx::int32)), base::Error);
  if (!tensor::default_device_is_gpu()) {  // which takes half types
    EXPECT_THROW(
        cross_entropy(mx::zeros({2, 3}, mx::float16), mx::zeros({2}, mx::int32)), base::Error);
  }
}

}  // namespace
}  // namespace hub::kernels

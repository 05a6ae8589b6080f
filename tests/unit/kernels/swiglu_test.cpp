#include "core/kernels/swiglu.h"

#include <cmath>

#include <gtest/gtest.h>
#include <mlx/ops.h>
#include <mlx/transforms.h>

#include "core/base/error.h"
#include "core/kernels/cpu_level.h"
#include "core/tensor/ops.h"
#include "tests/unit/kernels/kernel_inputs.h"

namespace hub::kernels {
namespace {

class SwigluTest : public LevelTest {};

TEST_P(SwigluTest, EachElementIsExactToAFewBits) {
  const ScopedCpuLevel forced(GetParam());
  std::vector<float> gate;
  for (float x = -80.0F; x <= 80.0F; x += 0.0137F) {
    gate.push_back(x);
  }
  const auto count = static_cast<int>(gate.size());
  const auto result = values(swiglu(mx::array(gate.begin(), {count}), mx::full({count}, 3.0F)));
  for (std::size_t i = 0; i < gate.size(); ++i) {
    const double x = gate[i];
    const double wanted = 3.0 * x / (1.0 + std::exp(-x));
    EXPECT_NEAR(result[i], wanted, 4e-7 * std::abs(wanted)) << "gate " << x;
  }
}

TEST_P(SwigluTest, HandlesExtremes) {
  const ScopedCpuLevel forced(GetParam());
  const float infinity = INFINITY;
  const auto result =
      values(swiglu(mx::array({0.0F, 200.0F, -200.0F, infinity, NAN}), mx::full({5}, 2.0F)));
  EXPECT_EQ(result[0], 0.0F);
  EXPECT_EQ(result[1], 400.0F);
  EXPECT_NEAR(result[2], 0.0F, 1e-30F);
  EXPECT_EQ(result[3], infinity);
  EXPECT_TRUE(std::isnan(result[4]));
}

TEST_P(SwigluTest, GradientsEqualStock) {
  const ScopedCpuLevel forced(GetParam());
  const auto gate = random_array({50, 501}, 1, 3.0F);
  const auto up = random_array({50, 501}, 2);
  const auto seed = random_array({50, 501}, 3);
  const auto gradients = [&](auto operation) {
    const auto loss = [&](const std::vector<mx::array>& in) {
      return std::vector{mx::sum(operation(in[0], in[1]) * seed)};
    };
    return mx::vjp(loss, {gate, up}, {mx::array(1.0F)}).second;
  };
  const auto own = gradients([](const auto& a, const auto& b) { return swiglu(a, b); });
  const auto stock = gradients([](const auto& a, const auto& b) { return a * mx::sigmoid(a) * b; });
  EXPECT_LE(relative_error(own[0], stock[0]), 1e-6);
  EXPECT_LE(relative_error(own[1], stock[1]), 1e-6);
}

INSTANTIATE_TEST_SUITE_P(
    Levels, SwigluTest, testing::ValuesIn(available_cpu_levels()), [](const auto& each) {
      return std::string(to_string(each.param));
    });

TEST(Swiglu, RefusesWhatDoesNotFit) {
  EXPECT_THROW(swiglu(mx::zeros({2, 3}), mx::zeros({3, 2})), base::Error);
  if (!tensor::default_device_is_gpu()) {  // which computes in half types
    EXPECT_THROW(swiglu(mx::zeros({2}, mx::float16), mx::zeros({2}, mx::float16)), base::Error);
  }
}

}  // namespace
}  // namespace hub::kernels

#include "core/kernels/rms_norm.h"

#include <gtest/gtest.h>
#include <mlx/ops.h>
#include <mlx/transforms.h>

#include "core/base/error.h"
#include "core/kernels/cpu_level.h"
#include "core/tensor/ops.h"
#include "tests/unit/kernels/kernel_inputs.h"

namespace hub::kernels {
namespace {

constexpr float kEps = 1e-5F;

class RmsNormTest : public LevelTest {};

TEST_P(RmsNormTest, EqualsStock) {
  const ScopedCpuLevel forced(GetParam());
  for (const int columns : {1, 15, 16, 33, 576}) {
    for (const int rows : {1, 2, 67}) {
      const auto x = random_array({rows, columns}, 1, 3.0F);
      const auto weight = random_array({columns}, 2);
      EXPECT_LE(relative_error(rms_norm(x, weight, kEps), tensor::rms_norm(x, weight, kEps)), 1e-6)
          << rows << " x " << columns;
    }
  }
}

TEST_P(RmsNormTest, GradientsEqualStock) {
  const ScopedCpuLevel forced(GetParam());
  const auto x = random_array({67, 577}, 1, 3.0F);
  const auto weight = random_array({577}, 2);
  const auto seed = random_array({67, 577}, 3);
  const auto gradients = [&](auto operation) {
    const auto loss = [&](const std::vector<mx::array>& in) {
      return std::vector{mx::sum(operation(in[0], in[1], kEps) * seed)};
    };
    return mx::vjp(loss, {x, weight}, {mx::array(1.0F)}).second;
  };
  const auto own = gradients([](const auto&... in) { return rms_norm(in...); });
  const auto stock = gradients([](const auto&... in) { return tensor::rms_norm(in...); });
  EXPECT_LE(relative_error(own[0], stock[0]), 1e-5);
  EXPECT_LE(relative_error(own[1], stock[1]), 1e-5);
}

TEST_P(RmsNormTest, RowsDependOnNothingElse) {
  const ScopedCpuLevel forced(GetParam());
  const auto x = random_array({200, 577}, 1);
  const auto weight = random_array({577}, 2);
  const auto all = rms_norm(x, weight, kEps);
  EXPECT_TRUE(same_bits(rms_norm(rows_of(x, 150, 151), weight, kEps), rows_of(all, 150, 151)));
}

INSTANTIATE_TEST_SUITE_P(
    Levels, RmsNormTest, testing::ValuesIn(available_cpu_levels()), [](const auto& each) {
      return std::string(to_string(each.param));
    });

TEST(RmsNorm, RefusesWhatDoesNotFit) {
  EXPECT_THROW(rms_norm(mx::zeros({2, 8}), mx::zeros({9}), kEps), base::Error);
  EXPECT_THROW(rms_norm(mx::zeros({8}), mx::zeros({8}), kEps), base::Error);
  if (!tensor::default_device_is_gpu()) {  // which computes in half types
    EXPECT_THROW(rms_norm(mx::zeros({2, 8}, mx::float16), mx::zeros({8}), kEps), base::Error);
  }
}

}  // namespace
}  // namespace hub::kernels

#include "core/kernels/low_rank.h"

#include <tuple>
#include <vector>

#include <gtest/gtest.h>
#include <mlx/ops.h>
#include <mlx/transforms.h>

#include "core/kernels/dequantize.h"
#include "core/kernels/swiglu_cuda.h"
#include "core/tensor/ops.h"
#include "tests/unit/kernels/kernel_inputs.h"

namespace hub::kernels {
namespace {

mx::array wide(const mx::array& x) {
  return mx::astype(x, mx::float32);
}

mx::array half(const mx::array& x) {
  return mx::astype(x, mx::bfloat16);
}

// Rounding of a result to bfloat16 is up to 2^-9 of it.
constexpr double kRounded = 4e-3;

using Case = std::tuple<int, int, int, int>;  // rows, in, out, rank

class AdaptedTest : public testing::TestWithParam<Case> {};

TEST_P(AdaptedTest, EqualsFloat32Arithmetic) {
  if (!tensor::default_device_is_cuda()) {
    GTEST_SKIP() << "CUDA kernels";
  }
  const auto [rows, in, out, rank] = GetParam();
  const auto x = half(random_array({rows, in}, 1));
  const auto w = half(random_array({out, in}, 2, 0.05F));
  const auto a = random_array({in, rank}, 3, 0.1F);
  const auto b = random_array({rank, out}, 4, 0.1F);
  const auto dy = half(random_array({rows, out}, 5));
  ASSERT_TRUE(has_own_low_rank(x, a, b));
  const FrozenLinear base{
      [&](const mx::array& left) { return mx::matmul(left, mx::transpose(w)); },
      [&](const mx::array& left) { return mx::matmul(left, w); }};
  const auto own = [&](const std::vector<mx::array>& inputs) {
    return std::vector<mx::array>{adapted(base, inputs[0], inputs[1], inputs[2], 2.0F)};
  };
  const auto reference = [&](const std::vector<mx::array>& inputs) {
    const auto low = mx::matmul(mx::matmul(inputs[0], inputs[1]), inputs[2]);
    return std::vector<mx::array>{
        mx::matmul(inputs[0], mx::transpose(wide(w))) + low * mx::array(2.0F)};
  };
  const auto [y, gradients] = mx::vjp(own, {x, a, b}, {dy});
  const auto [wanted, wanted_gradients] = mx::vjp(reference, {wide(x), a, b}, {wide(dy)});
  EXPECT_LE(relative_error(wide(y[0]), wanted[0]), kRounded);
  EXPECT_LE(relative_error(wide(gradients[0]), wanted_gradients[0]), kRounded);
  // Of the factors in float32: sums of products of exact inputs.
  EXPECT_LE(relative_error(gradients[1], wanted_gradients[1]), 1e-5);
  EXPECT_LE(relative_error(gradients[2], wanted_gradients[2]), 1e-5);
}

INSTANTIATE_TEST_SUITE_P(
    Shapes,
    AdaptedTest,
    testing::Values(
        Case{1, 64, 72, 8},
        Case{7, 1032, 520, 8},
        Case{300, 2048, 1096, 16},
        Case{513, 4104, 2056, 64}));

TEST(LowRankTest, AdaptsNothingElsewhere) {
  const auto x = half(random_array({4, 64}, 1));
  const auto a = random_array({64, 12}, 2);
  const auto b = random_array({12, 64}, 3);
  EXPECT_FALSE(has_own_low_rank(x, a, b));  // rank 12
  if (!tensor::default_device_is_cuda()) {
    EXPECT_FALSE(has_own_low_rank(x, random_array({64, 8}, 2), random_array({8, 64}, 3)));
  }
}

TEST(DequantizeTest, EqualsMlx) {
  for (const int bits : {4, 8}) {
    for (const int group : {32, 64, 128}) {
      const auto parts = tensor::quantize(random_array({70, 384}, 6), group, bits);
      const QuantizedWeight packed{parts.weight, parts.scales, *parts.biases, group, bits};
      const auto wanted = tensor::dequantize(parts.weight, parts.scales, parts.biases, group, bits);
      EXPECT_LE(relative_error(dequantize(packed, mx::float32), wanted), 1e-6) << bits << group;
      EXPECT_LE(relative_error(wide(dequantize(packed, mx::bfloat16)), wanted), kRounded);
    }
  }
}

TEST(SwigluCudaTest, ResultHasTheBitsOfMlxAndGradientsEqualFloat32Arithmetic) {
  const auto gate = half(random_array({16, 256}, 7, 3.0F));
  const auto up = half(random_array({16, 256}, 8));
  const auto dy = half(random_array({16, 256}, 9));
  if (!has_swiglu_cuda(gate, up)) {
    GTEST_SKIP() << "CUDA kernels";
  }
  const auto own = [](const std::vector<mx::array>& in) {
    return std::vector<mx::array>{swiglu_cuda(in[0], in[1])};
  };
  const auto reference = [](const std::vector<mx::array>& in) {
    return std::vector<mx::array>{in[0] * mx::sigmoid(in[0]) * in[1]};
  };
  const auto [y, gradients] = mx::vjp(own, {gate, up}, {dy});
  const auto [wanted, wanted_gradients] = mx::vjp(reference, {wide(gate), wide(up)}, {wide(dy)});
  EXPECT_TRUE(mx::array_equal(y[0], reference({gate, up})[0]).item<bool>());
  EXPECT_LE(relative_error(wide(gradients[0]), wanted_gradients[0]), kRounded);
  EXPECT_LE(relative_error(wide(gradients[1]), wanted_gradients[1]), kRounded);
}

}  // namespace
}  // namespace hub::kernels

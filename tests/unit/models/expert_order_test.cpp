#include "core/models/expert_order.h"

#include <vector>

#include <gtest/gtest.h>
#include <mlx/ops.h>
#include <mlx/random.h>
#include <mlx/transforms.h>

#include "core/nn/switch_linear.h"
#include "core/tensor/ops.h"
#include "tests/unit/models/forward.h"

namespace hub::models {
namespace {

constexpr int kRows = 40;
constexpr int kChoices = 3;
constexpr int kExperts = 5;
constexpr int kWidth = 16;
constexpr int kOut = 8;
constexpr int kRank = 2;

mx::array normal(const mx::Shape& shape, std::uint64_t seed) {
  return mx::random::normal(shape, mx::float32, mx::random::key(seed));
}

// kChoices different experts of each row.
mx::array choices() {
  const mx::array order = mx::argsort(normal({kRows, kExperts}, 1), 1);
  return mx::contiguous(mx::slice(order, {0, 0}, {kRows, kChoices}));
}

TEST(ExpertOrder, SortsTheChoices) {
  const mx::array chosen = choices();
  const ExpertOrder order(chosen);
  EXPECT_TRUE(same_bits(order.experts(), mx::expand_dims(mx::sort(mx::flatten(chosen)), 1)));
}

TEST(ExpertOrder, RowsComeBackOnceForEachChoice) {
  const ExpertOrder order(choices());
  const mx::array x = normal({kRows, kWidth}, 2);
  const mx::array spread = mx::broadcast_to(mx::expand_dims(x, 1), {kRows, kChoices, kWidth});
  EXPECT_TRUE(same_bits(order.by_row(order.by_expert(x)), spread));
}

// Experts with an adapter: the same result and gradients in either order.
TEST(ExpertOrder, SortedExpertsComputeTheSame) {
  const mx::array chosen = choices();
  const ExpertOrder order(chosen);
  const nn::SwitchLinear linear("up", normal({kExperts, kOut, kWidth}, 3), std::nullopt);
  const mx::array weights = normal({kRows, kChoices, kOut}, 4);
  const auto loss = [&](bool sorted, const std::vector<mx::array>& in) {
    nn::LoraAdapter adapter;
    adapter.scale = 2.0F;
    adapter.layers.insert({"up", {in[1], in[2]}});
    const int rows = sorted ? kRows * kChoices : kRows;
    const std::vector<nn::AdapterSpan> spans{{&adapter, 0, rows}};
    const mx::array y =
        sorted ? order.by_row(linear(order.by_expert(in[0]), order.experts(), spans, true))
               : linear(mx::expand_dims(in[0], 1), chosen, spans);
    return std::vector<mx::array>{mx::sum(mx::multiply(y, weights)), y};
  };
  const std::vector<mx::array> inputs{
      normal({kRows, kWidth}, 5),
      normal({kExperts, kRank, kWidth}, 6),
      normal({kExperts, kOut, kRank}, 7)};
  const auto gradients = [&](bool sorted) {
    return mx::value_and_grad(
        [&](const std::vector<mx::array>& in) { return loss(sorted, in); },
        std::vector<int>{0, 1, 2})(inputs);
  };
  const auto [own, own_gradients] = gradients(true);
  // On CUDA the gradients of factors without an order fail for this rank.
  if (tensor::default_device_is_gpu()) {
    EXPECT_LT(relative_error(own[1], loss(false, inputs)[1]), 1e-2F);
    mx::eval(own_gradients);
    return;
  }
  const auto [wanted, wanted_gradients] = gradients(false);
  EXPECT_LT(relative_error(own[1], wanted[1]), 1e-5F);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    EXPECT_LT(relative_error(own_gradients[i], wanted_gradients[i]), 1e-5F) << i;
  }
}

TEST(ExpertOrder, PaysOnAGpuForRowsOfOneAdapter) {
  const mx::array chosen = choices();
  const bool gpu = tensor::default_device_is_gpu();
  const nn::LoraAdapter adapter;
  const std::vector<nn::AdapterSpan> all{{&adapter, 0, kRows}};
  const std::vector<nn::AdapterSpan> some{{&adapter, 0, kRows / 2}};
  EXPECT_EQ(ExpertOrder::pays(chosen, {}), gpu);
  EXPECT_EQ(ExpertOrder::pays(chosen, all), gpu);
  EXPECT_FALSE(ExpertOrder::pays(chosen, some));
  EXPECT_FALSE(ExpertOrder::pays(mx::slice(chosen, {0, 0}, {2, kChoices}), {}));
}

}  // namespace
}  // namespace hub::models

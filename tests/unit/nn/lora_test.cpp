#include "core/nn/lora.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <mlx/ops.h>
#include <mlx/random.h>
#include <mlx/transforms.h>

#include "core/base/error.h"
#include "core/nn/linear.h"
#include "core/tensor/ops.h"

namespace hub::nn {
namespace {

constexpr int kIn = 32;
constexpr int kOut = 16;

mx::array random(const mx::Shape& shape, std::uint64_t seed) {
  return mx::random::normal(shape, mx::float32, 0.0F, 1.0F, mx::random::key(seed));
}

LoraAdapter adapter_of(float scale, std::uint64_t seed) {
  LoraAdapter adapter;
  adapter.scale = scale;
  adapter.layers.insert({"l", LoraWeights{random({kIn, 4}, seed), random({4, kOut}, seed + 1)}});
  return adapter;
}

mx::array rows(const mx::array& x, int begin, int end) {
  return mx::slice(x, mx::Shape{begin, 0}, mx::Shape{end, x.shape(1)});
}

bool same_bits(const mx::array& left, const mx::array& right) {
  return mx::array_equal(left, right).item<bool>();
}

class Lora : public ::testing::Test {
 protected:
  mx::array x_ = random({6, kIn}, 1);
  Linear linear_{"l", random({kOut, kIn}, 2), std::nullopt, std::nullopt};
  LoraAdapter first_ = adapter_of(2.0F, 10);
  LoraAdapter second_ = adapter_of(0.5F, 20);

  mx::array expected(const LoraAdapter& adapter, const mx::array& x) {
    const LoraWeights& weights = adapter.layers.at("l");
    const mx::array delta = mx::matmul(mx::matmul(x, weights.a), weights.b);
    return mx::add(linear_(x, {}), mx::multiply(delta, mx::array(adapter.scale)));
  }
};

TEST_F(Lora, AddsTheScaledProduct) {
  const std::vector<AdapterSpan> spans{{&first_, 0, 6}};
  EXPECT_TRUE(mx::allclose(linear_(x_, spans), expected(first_, x_), 1e-5, 1e-4).item<bool>());
}

TEST_F(Lora, EachSpanHasItsOwnAndOtherRowsKeepTheirBits) {
  const std::vector<AdapterSpan> spans{{&first_, 1, 2}, {&second_, 3, 5}};
  const mx::array y = linear_(x_, spans);
  const mx::array base = linear_(x_, {});
  ASSERT_EQ(y.shape(), base.shape());
  for (const int row : {0, 2, 5}) {
    EXPECT_TRUE(same_bits(rows(y, row, row + 1), rows(base, row, row + 1))) << row;
  }
  EXPECT_TRUE(
      mx::allclose(rows(y, 1, 2), expected(first_, rows(x_, 1, 2)), 1e-5, 1e-4).item<bool>());
  EXPECT_TRUE(
      mx::allclose(rows(y, 3, 5), expected(second_, rows(x_, 3, 5)), 1e-5, 1e-4).item<bool>());
}

TEST_F(Lora, ARowIsTheSameAloneAndBesideOthers) {
  if (tensor::default_device_is_gpu()) {
    GTEST_SKIP() << "the CPU kernels' promise";
  }
  const std::vector<AdapterSpan> all{{&first_, 0, 6}};
  const std::vector<AdapterSpan> one{{&first_, 0, 1}};
  EXPECT_TRUE(same_bits(rows(linear_(x_, all), 4, 5), linear_(rows(x_, 4, 5), one)));
}

TEST_F(Lora, OtherModulesAndEmptySpansAreTheBase) {
  const Linear other("other", random({kOut, kIn}, 2), std::nullopt, std::nullopt);
  const std::vector<AdapterSpan> spans{{&first_, 0, 6}};
  EXPECT_TRUE(same_bits(other(x_, spans), linear_(x_, {})));
  const std::vector<AdapterSpan> empty{{&first_, 3, 3}};
  EXPECT_TRUE(same_bits(linear_(x_, empty), linear_(x_, {})));
}

TEST_F(Lora, SpansOutOfOrderOrOutOfRangeAreRefused) {
  const std::vector<AdapterSpan> overlap{{&first_, 0, 3}, {&second_, 2, 4}};
  const std::vector<AdapterSpan> beyond{{&first_, 4, 7}};
  EXPECT_THROW(linear_(x_, overlap), base::Error);
  EXPECT_THROW(linear_(x_, beyond), base::Error);
}

TEST_F(Lora, GradientsReachBothFactors) {
  const auto loss = [&](const std::vector<mx::array>& factors) {
    LoraAdapter traced;
    traced.scale = 2.0F;
    traced.layers.insert({"l", LoraWeights{factors[0], factors[1]}});
    const std::vector<AdapterSpan> spans{{&traced, 0, 6}};
    return std::vector<mx::array>{mx::sum(linear_(x_, spans))};
  };
  const LoraWeights& weights = first_.layers.at("l");
  const auto [value, gradients] = mx::value_and_grad(loss, {0, 1})({weights.a, weights.b});
  // d/dB of sum(2 (x A) B) is 2 (x A)^T 1.
  const mx::array ones = mx::ones({6, kOut});
  const mx::array two(2.0F);
  const mx::array by_b =
      mx::multiply(two, mx::matmul(mx::transpose(mx::matmul(x_, weights.a)), ones));
  const mx::array by_a =
      mx::multiply(two, mx::matmul(mx::transpose(x_), mx::matmul(ones, mx::transpose(weights.b))));
  EXPECT_TRUE(mx::allclose(gradients[0], by_a, 1e-4, 1e-3).item<bool>());
  EXPECT_TRUE(mx::allclose(gradients[1], by_b, 1e-4, 1e-3).item<bool>());
}

TEST_F(Lora, DropoutNeedsAKeyAndFollowsIt) {
  first_.dropout = 0.5F;
  const std::vector<AdapterSpan> spans{{&first_, 0, 6}};
  EXPECT_THROW(linear_(x_, spans), base::Error);
  first_.dropout_key = mx::random::key(1);
  const mx::array once = linear_(x_, spans);
  EXPECT_TRUE(same_bits(once, linear_(x_, spans)));
  first_.dropout_key = mx::random::key(2);
  EXPECT_FALSE(same_bits(once, linear_(x_, spans)));
}

// With B = I over A = I the adapter shows its input: about half zeros, the rest doubled, and
// another half for another module.
TEST_F(Lora, DropoutZeroesAShareAndScalesTheRest) {
  LoraAdapter shown;
  shown.scale = 1.0F;
  shown.dropout = 0.5F;
  shown.dropout_key = mx::random::key(3);
  const LoraWeights identity{mx::eye(kIn), mx::eye(kIn)};
  shown.layers.insert({"l", identity});
  shown.layers.insert({"m", identity});
  const mx::array ones = mx::ones({200, kIn});
  const std::vector<AdapterSpan> spans{{&shown, 0, 200}};
  const mx::array zeros = mx::zeros({200, kIn});
  const mx::array dropped = add_adapters(zeros, ones, "l", spans);
  EXPECT_NEAR(mx::mean(dropped).item<float>(), 1.0F, 0.05F);
  const mx::array doubled = mx::equal(dropped, mx::array(2.0F));
  EXPECT_TRUE(mx::all(mx::logical_or(mx::equal(dropped, zeros), doubled)).item<bool>());
  EXPECT_FALSE(same_bits(dropped, add_adapters(zeros, ones, "m", spans)));
}

TEST(FusableAdapter, IsPlainLoraOverAllRowsWhereTheKernelsAre) {
  const mx::array x = tensor::astype(random({4, 64}, 1), mx::bfloat16);
  LoraAdapter plain;
  plain.layers.insert({"l", LoraWeights{random({64, 8}, 2), random({8, 32}, 3)}});
  const auto fuses = [&](const LoraAdapter& adapter, int begin = 0, int end = 4) {
    const std::vector<AdapterSpan> spans{{&adapter, begin, end}};
    return fusable_adapter(x, "l", spans) != nullptr;
  };
  EXPECT_EQ(fuses(plain), tensor::default_device_is_cuda());
  EXPECT_FALSE(fuses(plain, 1));
  EXPECT_FALSE(fuses(plain, 0, 3));
  LoraAdapter other = plain;
  other.dropout = 0.1F;
  EXPECT_FALSE(fuses(other));
  other = plain;
  other.layers.at("l").dora = Magnitudes{mx::ones({32}), mx::ones({32})};
  EXPECT_FALSE(fuses(other));
  EXPECT_FALSE(fuses(LoraAdapter{}));
  EXPECT_EQ(fusable_adapter(x, "l", {}), nullptr);
}

}  // namespace
}  // namespace hub::nn

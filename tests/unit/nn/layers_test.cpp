#include <cmath>
#include <numbers>
#include <string>

#include <gtest/gtest.h>
#include <mlx/ops.h>
#include <mlx/random.h>

#include "core/kernels/int8_matmul.h"
#include "core/nn/embedding.h"
#include "core/nn/geglu.h"
#include "core/nn/linear.h"
#include "core/nn/rms_norm.h"
#include "core/nn/swiglu.h"
#include "core/tensor/ops.h"

namespace hub::nn {
namespace {

mx::array random(const mx::Shape& shape, std::uint64_t seed) {
  return mx::random::normal(shape, mx::float32, 0.0F, 1.0F, mx::random::key(seed));
}

bool close(const mx::array& left, const mx::array& right) {
  return mx::allclose(left, right, 1e-5, 1e-5).item<bool>();
}

QuantizedParts parts_of(const tensor::Quantized& q, int bits) {
  return {q.scales, q.biases, 32, bits};
}

TEST(Linear, DenseWithBias) {
  const mx::array weight = random({5, 8}, 1);
  const mx::array bias = random({5}, 2);
  const mx::array x = random({3, 8}, 3);
  const Linear linear("l", weight, std::nullopt, bias);
  EXPECT_EQ(linear.in_features(), 8);
  EXPECT_EQ(linear.out_features(), 5);
  EXPECT_TRUE(close(linear(x, {}), mx::add(mx::matmul(x, mx::transpose(weight)), bias)));
}

TEST(Linear, OnAGpuABiasIsAddedBeforeTheRounding) {
  if (!tensor::default_device_is_gpu()) {
    GTEST_SKIP() << "half types are the GPU's";
  }
  const auto half = [](const mx::array& x) { return tensor::astype(x, mx::bfloat16); };
  const mx::array weight = half(random({64, 128}, 1));
  const mx::array bias = half(random({64}, 2));
  const mx::array x = half(random({32, 128}, 3));
  const mx::array wanted = mx::addmm(bias, x, mx::transpose(weight));
  EXPECT_TRUE(mx::array_equal(Linear("l", weight, std::nullopt, bias)(x, {}), wanted).item<bool>());
}

TEST(Linear, PackedIsDequantizeThenMatmul) {
  const mx::array x = random({3, 64}, 3);
  for (const int bits : {2, 4, 8}) {
    const auto q = tensor::quantize(random({16, 64}, 1), 32, bits);
    const mx::array dense = tensor::dequantize(q.weight, q.scales, q.biases, 32, bits);
    const Linear linear("l", q.weight, parts_of(q, bits), std::nullopt);
    EXPECT_EQ(linear.in_features(), 64);
    EXPECT_EQ(linear.out_features(), 16);
    EXPECT_TRUE(close(linear(x, {}), mx::matmul(x, mx::transpose(dense)))) << bits;
  }
}

TEST(Linear, RoundsWhatItMultipliesOfAnInterleavedWeight) {
  if (tensor::default_device_is_gpu()) {
    GTEST_SKIP() << "only CPUs multiply activations in 8 bits";
  }
  const mx::array x = random({3, 64}, 1);
  const mx::array bias = random({10}, 3);
  for (const int bits : {4, 8}) {
    const auto q = tensor::quantize(random({10, 64}, 2), 32, bits);
    const Linear plain("l", q.weight, parts_of(q, bits), bias);
    const auto weight = kernels::interleaved({q.weight, q.scales, *q.biases, 32, bits});
    const Linear linear("l", weight, bias);
    EXPECT_TRUE(mx::allclose(linear(x, {}), plain(x, {}), 0.0, 0.3).item<bool>());
    EXPECT_FALSE(mx::array_equal(linear(x, {}), plain(x, {})).item<bool>());
    EXPECT_TRUE(mx::array_equal(linear.project(x), kernels::int8_matmul(x, weight)).item<bool>());
    EXPECT_TRUE(mx::array_equal(linear.row_norms(), plain.row_norms()).item<bool>());
    EXPECT_EQ(linear.in_features(), 64);
    EXPECT_EQ(linear.out_features(), 10);
    EXPECT_EQ(linear.nbytes(), weight.nbytes());

    const Embedding table("e", q.weight, parts_of(q, bits), weight);
    const mx::array ids({3, 9}, mx::int32);
    EXPECT_TRUE(
        mx::array_equal(table(ids), Embedding("e", q.weight, parts_of(q, bits))(ids)).item<bool>());
    EXPECT_TRUE(mx::array_equal(table.as_linear(x), linear.project(x)).item<bool>());
    EXPECT_EQ(table.nbytes(), plain.nbytes() + weight.nbytes());
    EXPECT_EQ(table.head_nbytes(), weight.nbytes());
    EXPECT_EQ(Embedding("e", q.weight, parts_of(q, bits)).head_nbytes(), plain.nbytes());
  }
}

TEST(Linear, HalfScalesAreExact) {
  const mx::array x = random({3, 64}, 3);
  const auto q = tensor::quantize(random({16, 64}, 1), 32, 4);
  const auto half = [](const mx::array& y) { return tensor::astype(y, mx::float16); };
  const auto back = [&](const mx::array& y) { return tensor::astype(half(y), mx::float32); };
  const Linear halves(
      "l", q.weight, QuantizedParts{half(q.scales), half(*q.biases), 32, 4}, std::nullopt);
  const Linear floats(
      "l", q.weight, QuantizedParts{back(q.scales), back(*q.biases), 32, 4}, std::nullopt);
  EXPECT_TRUE(mx::array_equal(halves(x, {}), floats(x, {})).item<bool>());
}

TEST(Embedding, TakesRowsOfTheTable) {
  const mx::array tokens({4, 0, 4}, mx::int32);
  const mx::array table = random({6, 64}, 1);
  const Embedding dense("e", table, std::nullopt);
  EXPECT_TRUE(mx::array_equal(dense(tokens), mx::take(table, tokens, 0)).item<bool>());

  const auto q = tensor::quantize(table, 32, 8);
  const mx::array whole = tensor::dequantize(q.weight, q.scales, q.biases, 32, 8);
  const Embedding packed("e", q.weight, parts_of(q, 8));
  EXPECT_TRUE(mx::array_equal(packed(tokens), mx::take(whole, tokens, 0)).item<bool>());
  const mx::array x = random({2, 64}, 2);
  EXPECT_TRUE(close(packed.as_linear(x), mx::matmul(x, mx::transpose(whole))));
  EXPECT_TRUE(close(dense.as_linear(x), mx::matmul(x, mx::transpose(table))));
}

// Scales at rest in float16 must not round what is dequantized on a CPU.
TEST(Embedding, HalfScalesComeOutInFloat32) {
  if (tensor::default_device_is_gpu()) {
    GTEST_SKIP() << "a GPU computes in the scales' type";
  }
  const auto q = tensor::quantize(random({6, 64}, 1), 32, 8);
  const mx::array scales = tensor::astype(q.scales, mx::float16);
  const mx::array biases = tensor::astype(*q.biases, mx::float16);
  const Embedding packed("e", q.weight, QuantizedParts{scales, biases, 32, 8});
  const mx::array rows = packed(mx::array({1, 2}, mx::int32));
  ASSERT_EQ(rows.dtype(), mx::float32);
  const mx::array whole = tensor::dequantize(
      q.weight, tensor::astype(scales, mx::float32), tensor::astype(biases, mx::float32), 32, 8);
  EXPECT_TRUE(mx::array_equal(rows, mx::take(whole, mx::array({1, 2}, mx::int32), 0)).item<bool>());
}

TEST(RmsNorm, IsTheFormula) {
  const mx::array x = random({3, 32}, 1);
  const mx::array weight = random({32}, 2);
  const RmsNorm norm("n", weight, 1e-5F);
  const mx::array mean = mx::mean(mx::square(x), -1, true);
  const mx::array expected =
      mx::multiply(mx::multiply(x, mx::rsqrt(mx::add(mean, mx::array(1e-5F)))), weight);
  EXPECT_TRUE(close(norm(x), expected));
  const RmsNorm half("n", tensor::astype(weight, mx::float16), 1e-5F);
  EXPECT_EQ(half(tensor::astype(x, mx::float16)).dtype(), mx::float16);
}

TEST(RmsNorm, AnOffsetIsAddedToTheWeight) {
  const mx::array x = random({3, 32}, 1);
  const mx::array weight = random({32}, 2);
  const RmsNorm offset("n", weight, 1e-5F, 1.0F);
  const RmsNorm whole("n", mx::add(weight, mx::array(1.0F)), 1e-5F);
  EXPECT_TRUE(mx::array_equal(offset(x), whole(x)).item<bool>());
}

TEST(Geglu, IsTheFormula) {
  const mx::array gate = random({3, 32}, 1);
  const mx::array up = random({3, 32}, 2);
  // The exact GELU, x Phi(x), is within 5e-4 of the one by tanh.
  const mx::array phi = mx::multiply(
      mx::array(0.5F),
      mx::add(mx::array(1.0F), mx::erf(mx::multiply(gate, mx::array(0.70710678F)))));
  const mx::array exact = mx::multiply(gate, phi);
  EXPECT_TRUE(mx::allclose(gelu_approx(gate), exact, 0.0, 5e-4).item<bool>());
  EXPECT_FALSE(mx::allclose(gelu_approx(gate), exact, 0.0, 1e-6).item<bool>());
  EXPECT_TRUE(close(geglu(gate, up), mx::multiply(gelu_approx(gate), up)));
  // In a half type to the bit mlx.nn's formula, whose scalars have the type of x.
  const mx::array x = tensor::astype(gate, mx::bfloat16);
  const auto scalar = [](double value) {
    return mx::array(static_cast<float>(value), mx::bfloat16);
  };
  const mx::array inner =
      scalar(std::sqrt(2.0 / std::numbers::pi)) * (x + scalar(0.044715) * mx::power(x, scalar(3)));
  const mx::array wanted = scalar(0.5) * x * (scalar(1) + mx::tanh(inner));
  if (!tensor::default_device_is_gpu()) {  // where in one kernel a product and a sum round once
    EXPECT_TRUE(mx::array_equal(gelu_approx(x), wanted).item<bool>());
  }
}

TEST(Swiglu, IsTheFormula) {
  const mx::array gate = random({3, 32}, 1);
  const mx::array up = random({3, 32}, 2);
  EXPECT_TRUE(close(swiglu(gate, up), mx::multiply(mx::multiply(gate, mx::sigmoid(gate)), up)));
  const auto half = [](const mx::array& y) { return tensor::astype(y, mx::bfloat16); };
  EXPECT_EQ(swiglu(half(gate), half(up)).dtype(), mx::bfloat16);
}

}  // namespace
}  // namespace hub::nn

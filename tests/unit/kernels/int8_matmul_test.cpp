#include "core/kernels/int8_matmul.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <tuple>

#include <gtest/gtest.h>
#include <mlx/ops.h>
#include <mlx/transforms.h>

#include "core/base/error.h"
#include "core/kernels/cpu_level.h"
#include "core/kernels/thread_pool.h"
#include "core/tensor/ops.h"
#include "tests/unit/kernels/kernel_inputs.h"

namespace hub::kernels {
namespace {

// Owns what QuantizedWeight refers to.
struct Weight {
  mx::array packed;
  mx::array scales;
  mx::array biases;
  int group_size;
  int bits;

  Weight(int rows, int columns, int group, int width, bool half)
      : packed(0), scales(0), biases(0), group_size(group), bits(width) {
    const auto parts = tensor::quantize(random_array({rows, columns}, 7, 0.05F), group, width);
    packed = parts.weight;
    scales = half ? mx::astype(parts.scales, mx::float16) : parts.scales;
    biases = half ? mx::astype(*parts.biases, mx::float16) : *parts.biases;
    mx::eval({packed, scales, biases});
  }

  [[nodiscard]] QuantizedWeight view() const { return {packed, scales, biases, group_size, bits}; }

  [[nodiscard]] std::vector<float> dequantized() const {
    const auto wide = [](const mx::array& x) { return mx::astype(x, mx::float32); };
    return values(tensor::dequantize(packed, wide(scales), wide(biases), group_size, bits));
  }
};

// x as the kernel rounds it.
std::vector<double> rounded(const std::vector<float>& x) {
  std::vector<double> result;
  for (std::size_t begin = 0; begin < x.size(); begin += 32) {
    float largest = 0;
    for (std::size_t i = begin; i < begin + 32; ++i) {
      largest = std::max(largest, std::abs(x[i]));
    }
    for (std::size_t i = begin; i < begin + 32; ++i) {
      const float steps = largest > 0 ? std::nearbyint(x[i] * (127.0F / largest)) : 0.0F;
      result.push_back(double{steps} * double{largest / 127.0F});
    }
  }
  return result;
}

// x [m, columns] w^T in double.
std::vector<double> product(
    const std::vector<double>& x, const std::vector<float>& w, std::size_t columns) {
  const std::size_t rows = w.size() / columns;
  std::vector<double> y(x.size() / columns * rows, 0.0);
  for (std::size_t i = 0; i < y.size(); ++i) {
    for (std::size_t k = 0; k < columns; ++k) {
      y[i] += x[i / rows * columns + k] * double{w[i % rows * columns + k]};
    }
  }
  return y;
}

template <class Run>
std::string refusal(const Run& run) {
  try {
    run();
  } catch (const base::Error& error) {
    return error.code() == base::ErrorCode::kInvalidArgument ? error.what() : "another error";
  }
  return "";
}

using Case = std::tuple<int, int, bool, CpuLevel>;  // group, bits, half, level

class Int8MatmulTest : public testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    if (!runs_on_cpu()) {
      GTEST_SKIP() << "the CPU kernels' promises";
    }
  }
};

TEST_P(Int8MatmulTest, EqualsTheRoundedProductInDouble) {
  const auto [group, bits, half, level] = GetParam();
  const ScopedCpuLevel forced(level);
  for (const auto& [rows, columns] :
       {std::pair{195, 384}, std::pair{37, 1152}, {1, 128}, {16, 128}}) {
    const Weight weight(rows, columns, group, bits, half);
    const auto plain_weight = weight.dequantized();
    const auto w = interleaved(weight.view());
    for (const int m : {1, 2, 3, 5, 8, 17, 33, 70}) {
      const auto x = random_array({m, columns}, 11);
      const auto got = values(int8_matmul(x, w));
      const auto wanted = product(rounded(values(x)), plain_weight, std::size_t(columns));
      EXPECT_LE(relative_error(got, wanted), 1e-5)
          << "M " << m << ", W " << rows << " x " << columns;
      // Rounding is off by half a step at most; steps are largest / 127.
      const auto exact = values(x);
      const auto near = product({exact.begin(), exact.end()}, plain_weight, std::size_t(columns));
      EXPECT_LE(relative_error(got, near), 0.02) << "M " << m << ", W " << rows << " x " << columns;
    }
  }
}

TEST_P(Int8MatmulTest, RowsDependOnNothingElse) {
  const auto [group, bits, half, level] = GetParam();
  const ScopedCpuLevel forced(level);
  const Weight weight(331, 1152, group, bits, half);
  const auto w = interleaved(weight.view());
  const auto x = random_array({300, 1152}, 3);
  const auto all = values(int8_matmul(x, w));
  for (const int threads : {1, 2, 3}) {
    ThreadPool::shared().set_threads(threads);
    for (const int m : {1, 2, 3, 4, 5, 8, 17, 64, 129, 300}) {
      const int begin = m == 300 ? 0 : 101;
      const auto part = values(int8_matmul(rows_of(x, begin, begin + m), w));
      const auto* wanted = all.data() + std::size_t(begin) * 331;
      EXPECT_TRUE(same_bits(part, {wanted, wanted + part.size()}))
          << m << " rows, " << threads << " threads";
    }
  }
}

// More rows than are quantized at once.
TEST_P(Int8MatmulTest, ManyRowsAreTheSameAsFew) {
  const auto [group, bits, half, level] = GetParam();
  const ScopedCpuLevel forced(level);
  const Weight weight(20, 128, group, bits, half);
  const auto w = interleaved(weight.view());
  const auto x = random_array({1050, 128}, 3);
  EXPECT_TRUE(
      same_bits(rows_of(int8_matmul(x, w), 1020, 1050), int8_matmul(rows_of(x, 1020, 1050), w)));
}

TEST_P(Int8MatmulTest, LevelsAgreeToTheBit) {
  const auto [group, bits, half, level] = GetParam();
  const Weight weight(67, 1152, group, bits, half);
  const auto w = interleaved(weight.view());
  // Magnitudes that differ from step to step, and ties.
  const auto x = random_array({23, 1152}, 3) * mx::exp(2.0F * random_array({23, 1152}, 4));
  const auto run = [&](CpuLevel at) {
    const ScopedCpuLevel forced(at);
    return values(int8_matmul(x, w));
  };
  EXPECT_TRUE(same_bits(run(CpuLevel::kPortable), run(level)));
}

// The largest sums that there can be: fields 255 (or 15) and x all 127 steps.
TEST_P(Int8MatmulTest, TheLargestSumsAreExact) {
  const auto [group, bits, half, level] = GetParam();
  const ScopedCpuLevel forced(level);
  const int words = 128 * bits / 32;
  const auto type = half ? mx::float16 : mx::float32;
  const auto packed = mx::full({16, words}, mx::array(0xFFFFFFFFU, mx::uint32));
  const auto scales = mx::ones({16, 128 / group}, type);
  const auto w = interleaved({packed, scales, mx::zeros_like(scales), group, bits});
  const float wanted = 128.0F * 127.0F * (bits == 4 ? 15.0F : 255.0F);
  for (const float sign : {1.0F, -1.0F}) {
    for (const float y : values(int8_matmul(mx::full({3, 128}, sign * 127.0F), w))) {
      EXPECT_EQ(y, sign * wanted);
    }
  }
}

TEST_P(Int8MatmulTest, ZerosStayZerosAndNothingHidesWhatIsNotFinite) {
  const auto [group, bits, half, level] = GetParam();
  const ScopedCpuLevel forced(level);
  const Weight weight(20, 128, group, bits, half);
  const auto w = interleaved(weight.view());
  std::vector<float> x(5 * 128, 1.0F);
  std::fill(x.begin(), x.begin() + 128, 0.0F);
  std::fill(x.begin() + 128, x.begin() + 256, 1e-38F);
  x[2 * 128 + 40] = std::numeric_limits<float>::infinity();
  x[3 * 128 + 127] = std::numeric_limits<float>::quiet_NaN();
  const auto y = values(int8_matmul(mx::array(x.begin(), {5, 128}), w));
  for (std::size_t i = 0; i < y.size(); ++i) {
    const std::size_t row = i / 20;
    EXPECT_EQ(y[i] == 0.0F, row < 2) << i;
    EXPECT_EQ(std::isnan(y[i]), row == 2 || row == 3) << i;
  }
}

std::string case_name(const testing::TestParamInfo<Case>& info) {
  const auto [group, bits, half, level] = info.param;
  return "Group" + std::to_string(group) + "Bits" + std::to_string(bits) +
         (half ? "Half" : "Float") + std::string(to_string(level));
}

INSTANTIATE_TEST_SUITE_P(
    All,
    Int8MatmulTest,
    testing::Combine(
        testing::Values(32, 64, 128),
        testing::Values(4, 8),
        testing::Bool(),
        testing::ValuesIn(available_cpu_levels())),
    case_name);

class Int8Weights : public LevelTest {};

TEST_P(Int8Weights, PlainUndoesInterleaved) {
  for (const auto& [rows, bits] : {std::pair{33, 4}, {33, 8}, {32, 4}, {1, 8}}) {
    const Weight weight(rows, 192, 64, bits, true);
    const auto back = plain(interleaved(weight.view()));
    EXPECT_TRUE(mx::array_equal(back.packed, weight.packed).item<bool>()) << rows << ", " << bits;
    EXPECT_TRUE(mx::array_equal(back.scales, weight.scales).item<bool>()) << rows << ", " << bits;
    EXPECT_TRUE(mx::array_equal(back.biases, weight.biases).item<bool>()) << rows << ", " << bits;
  }
}

TEST_P(Int8Weights, TakesEmptyAndStridedInputs) {
  const Weight weight(40, 64, 32, 4, true);
  const auto w = interleaved(weight.view());
  const auto empty = int8_matmul(mx::zeros({0, 64}), w);
  EXPECT_EQ(empty.shape(), (mx::Shape{0, 40}));
  EXPECT_TRUE(values(empty).empty());
  const auto x = random_array({64, 5}, 1);
  const auto turned = mx::transpose(x);
  EXPECT_TRUE(same_bits(
      int8_matmul(turned, w), int8_matmul(mx::array(values(turned).begin(), {5, 64}), w)));
}

TEST_P(Int8Weights, HasNoGradient) {
  const Weight weight(32, 64, 32, 4, false);
  const auto w = interleaved(weight.view());
  const auto loss = [&](const std::vector<mx::array>& in) {
    return std::vector{mx::sum(int8_matmul(in[0], w))};
  };
  EXPECT_NE(
      refusal([&] {
        mx::vjp(loss, {random_array({2, 64}, 5)}, {mx::array(1.0F)});
      }).find("no gradient"),
      std::string::npos);
}

TEST_P(Int8Weights, RefusesWhatDoesNotFit) {
  const Weight weight(32, 64, 32, 4, false);
  const auto refused = [](const auto& run) { return refusal(run).find("int8_matmul") == 0; };
  const auto w = interleaved(weight.view());
  EXPECT_TRUE(refused([&] { int8_matmul(mx::zeros({2, 32}), w); }));
  EXPECT_TRUE(refused([&] { int8_matmul(mx::zeros({64}), w); }));
  EXPECT_TRUE(refused([&] { int8_matmul(mx::zeros({2, 64}, mx::float16), w); }));
  const auto takes = [&](const QuantizedWeight& other) {
    return !refused([&] { interleaved(other); });
  };
  EXPECT_TRUE(takes(weight.view()));
  EXPECT_FALSE(takes({weight.packed, weight.scales, weight.biases, 64, 4}));
  EXPECT_FALSE(takes({weight.packed, weight.scales, weight.biases, 0, 4}));
  EXPECT_FALSE(takes({weight.packed, weight.scales, weight.biases, 32, 0}));
  EXPECT_FALSE(takes({weight.scales, weight.scales, weight.biases, 32, 4}));
  EXPECT_FALSE(
      takes({weight.packed, weight.scales, mx::astype(weight.biases, mx::float16), 32, 4}));
  const Weight six(32, 64, 32, 6, false);
  EXPECT_FALSE(takes(six.view()));
}

INSTANTIATE_TEST_SUITE_P(Cpu, Int8Weights, testing::Values(CpuLevel::kPortable));

TEST(Int8Matmul, OnlyCpus) {
  if (runs_on_cpu()) {
    GTEST_SKIP() << "a GPU's refusal";
  }
  const Weight weight(32, 64, 32, 4, false);
  EXPECT_NE(refusal([&] { interleaved(weight.view()); }).find("only CPUs"), std::string::npos);
}

}  // namespace
}  // namespace hub::kernels

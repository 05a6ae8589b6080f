#include "core/kernels/quantized_matmul.h"

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

  Weight(int rows, int columns, int group, int width, bool half, std::uint32_t seed = 7)
      : packed(0), scales(0), biases(0), group_size(group), bits(width) {
    const auto parts = tensor::quantize(random_array({rows, columns}, seed, 0.05F), group, width);
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

// Dequantize, then multiply in double.
std::vector<double> reference(
    const std::vector<float>& x,
    const std::vector<float>& w,
    std::size_t rows,
    std::size_t columns,
    bool transpose) {
  const std::size_t inner = transpose ? columns : rows;
  const std::size_t outer = transpose ? rows : columns;
  std::vector<double> y(x.size() / inner * outer, 0.0);
  for (std::size_t i = 0; i < x.size() / inner; ++i) {
    for (std::size_t row = 0; row < rows; ++row) {
      for (std::size_t column = 0; column < columns; ++column) {
        const std::size_t in = transpose ? column : row;
        const std::size_t out = transpose ? row : column;
        y[i * outer + out] += double{w[row * columns + column]} * double{x[i * inner + in]};
      }
    }
  }
  return y;
}

using Case = std::tuple<int, int, bool, CpuLevel>;  // group, bits, half, level

class QuantizedMatmulTest : public testing::TestWithParam<Case> {};

TEST_P(QuantizedMatmulTest, EqualsDequantizeThenMultiply) {
  const auto [group, bits, half, level] = GetParam();
  const ScopedCpuLevel forced(level);
  for (const auto& [rows, columns] : {std::pair{195, 192}, std::pair{37, 1088}, {1, 64}}) {
    const Weight weight(rows, columns, group, bits, half);
    const auto plain = weight.dequantized();
    for (const bool transpose : {true, false}) {
      for (const int m : {1, 2, 3, 5, 8, 17, 64, 129}) {
        const auto x = random_array({m, transpose ? columns : rows}, 11);
        const auto y = quantized_matmul(x, weight.view(), transpose);
        EXPECT_LE(
            relative_error(
                values(y),
                reference(values(x), plain, std::size_t(rows), std::size_t(columns), transpose)),
            1e-5)
            << "M " << m << ", W " << rows << " x " << columns << ", transpose " << transpose;
      }
    }
  }
}

TEST_P(QuantizedMatmulTest, RowsDependOnNothingElse) {
  const auto [group, bits, half, level] = GetParam();
  const ScopedCpuLevel forced(level);
  const Weight weight(331, 2112, group, bits, half);
  for (const bool transpose : {true, false}) {
    const auto x = random_array({512, transpose ? 2112 : 331}, 3);
    const auto all = values(quantized_matmul(x, weight.view(), transpose));
    const std::size_t outputs = all.size() / 512;
    for (const int threads : {1, 2, 3}) {
      ThreadPool::shared().set_threads(threads);
      for (const int m : {1, 2, 3, 4, 5, 8, 17, 64, 129, 512}) {
        const int begin = m == 512 ? 0 : 101;
        const auto part =
            values(quantized_matmul(rows_of(x, begin, begin + m), weight.view(), transpose));
        const auto* wanted = all.data() + static_cast<std::size_t>(begin) * outputs;
        EXPECT_TRUE(same_bits(part, {wanted, wanted + part.size()}))
            << m << " rows, " << threads << " threads, transpose " << transpose;
      }
    }
  }
}

std::string case_name(const testing::TestParamInfo<Case>& info) {
  const auto [group, bits, half, level] = info.param;
  return "Group" + std::to_string(group) + "Bits" + std::to_string(bits) +
         (half ? "Half" : "Float") + std::string(to_string(level));
}

INSTANTIATE_TEST_SUITE_P(
    All,
    QuantizedMatmulTest,
    testing::Combine(
        testing::Values(32, 64),
        testing::Values(4, 8),
        testing::Bool(),
        testing::ValuesIn(available_cpu_levels())),
    case_name);

TEST(QuantizedMatmul, WideLevelsAgreeToTheBit) {
  const auto levels = available_cpu_levels();
  if (levels.back() != CpuLevel::kAvx512) {
    GTEST_SKIP() << "needs a machine with AVX-512";
  }
  for (const int bits : {4, 8}) {
    const Weight weight(67, 1120, 32, bits, true);
    for (const bool transpose : {true, false}) {
      const auto x = random_array({7, transpose ? 1120 : 67}, 3);
      const auto run = [&](CpuLevel level) {
        const ScopedCpuLevel forced(level);
        return values(quantized_matmul(x, weight.view(), transpose));
      };
      EXPECT_TRUE(same_bits(run(CpuLevel::kAvx2), run(CpuLevel::kAvx512)));
    }
  }
}

TEST(QuantizedMatmul, TakesEmptyAndStridedInputs) {
  const Weight weight(40, 64, 32, 4, true);
  const auto empty = quantized_matmul(mx::zeros({0, 64}), weight.view());
  EXPECT_EQ(empty.shape(), (mx::Shape{0, 40}));
  EXPECT_TRUE(values(empty).empty());
  const auto x = random_array({64, 5}, 1);
  const auto turned = mx::transpose(x);
  EXPECT_TRUE(same_bits(
      quantized_matmul(turned, weight.view()),
      quantized_matmul(mx::array(values(turned).begin(), {5, 64}), weight.view())));
}

TEST(QuantizedMatmul, GradientEqualsStock) {
  for (const bool transpose : {true, false}) {
    const Weight weight(96, 128, 64, 4, false);
    const auto x = random_array({9, transpose ? 128 : 96}, 5);
    const auto seed = random_array({9, transpose ? 96 : 128}, 6);
    const auto gradient = [&](auto operation) {
      const auto loss = [&](const std::vector<mx::array>& in) {
        return std::vector{mx::sum(operation(in[0]) * seed)};
      };
      return mx::vjp(loss, {x}, {mx::array(1.0F)}).second[0];
    };
    const auto own = gradient(
        [&](const mx::array& in) { return quantized_matmul(in, weight.view(), transpose); });
    const auto stock = gradient([&](const mx::array& in) {
      return tensor::quantized_matmul(
          in, weight.packed, weight.scales, weight.biases, transpose, 64, 4);
    });
    EXPECT_LE(relative_error(own, stock), 1e-5);
  }
}

TEST(QuantizedMatmul, RefusesGradientsOfTheWeight) {
  if (!runs_on_cpu()) {
    GTEST_SKIP() << "the CPU kernels' promise";
  }
  const Weight weight(32, 64, 32, 4, false);
  const auto x = random_array({2, 64}, 5);
  const auto loss = [&](const std::vector<mx::array>& in) {
    return std::vector{mx::sum(quantized_matmul(
        x, {weight.packed, in[0], weight.biases, weight.group_size, weight.bits}))};
  };
  EXPECT_THROW(mx::vjp(loss, {weight.scales}, {mx::array(1.0F)}), base::Error);
}

TEST(QuantizedMatmul, OtherGroupsAndWidthsUseStock) {
  for (const auto& [group, bits] : {std::pair{128, 4}, {64, 2}, {32, 3}, {64, 6}}) {
    const Weight weight(24, 256, group, bits, false);
    const auto x = random_array({3, 256}, 5);
    EXPECT_LE(
        relative_error(
            values(quantized_matmul(x, weight.view())),
            reference(values(x), weight.dequantized(), 24, 256, true)),
        1e-5)
        << "group " << group << ", bits " << bits;
  }
}

TEST(QuantizedMatmul, RefusesWhatDoesNotFit) {
  const Weight weight(32, 64, 32, 4, false);
  const auto refused = [&](const mx::array& x, const QuantizedWeight& w, bool transpose = true) {
    try {
      quantized_matmul(x, w, transpose);
    } catch (const base::Error& error) {
      return error.code() == base::ErrorCode::kInvalidArgument &&
             std::string(error.what()).find("quantized_matmul") == 0;
    }
    return false;
  };
  EXPECT_TRUE(refused(mx::zeros({2, 32}), weight.view()));
  EXPECT_TRUE(refused(mx::zeros({2, 64}), weight.view(), false));
  EXPECT_TRUE(refused(mx::zeros({64}), weight.view()));
  EXPECT_EQ(refused(mx::zeros({2, 64}, mx::float16), weight.view()), runs_on_cpu());
  EXPECT_TRUE(refused(mx::zeros({2, 64}), {weight.packed, weight.scales, weight.biases, 64, 4}));
  EXPECT_TRUE(refused(mx::zeros({2, 64}), {weight.packed, weight.scales, weight.biases, 0, 4}));
  EXPECT_TRUE(refused(
      mx::zeros({2, 64}),
      {weight.packed, weight.scales, mx::astype(weight.biases, mx::float16), 32, 4}));
  EXPECT_TRUE(refused(mx::zeros({2, 64}), {weight.scales, weight.scales, weight.biases, 32, 4}));
}

}  // namespace
}  // namespace hub::kernels

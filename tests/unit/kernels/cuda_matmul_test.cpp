// Products with packed weights by the plugin of CUDA kernels; where there is none, only that MLX's
// operations are used.
#include <cmath>
#include <string>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>
#include <mlx/ops.h>
#include <mlx/transforms.h>

#include "core/kernels/batch_invariance.h"
#include "core/kernels/cuda_plugin.h"
#include "core/kernels/quantized_matmul.h"
#include "core/tensor/ops.h"
#include "tests/unit/kernels/kernel_inputs.h"

namespace hub::kernels {
namespace {

constexpr double kBound = 4e-3;  // relative RMS; the result itself is rounded to 8 or 11 bits

struct Packed {
  tensor::Quantized parts;
  int group_size;
  int bits;

  [[nodiscard]] QuantizedWeight weight() const {
    return {parts.weight, parts.scales, *parts.biases, group_size, bits};
  }

  // As MLX unpacks it, in float32.
  [[nodiscard]] mx::array matrix() const {
    return tensor::astype(
        tensor::dequantize(parts.weight, parts.scales, parts.biases, group_size, bits),
        mx::float32);
  }
};

Packed packed_of(int outputs, int columns, int group_size, int bits, mx::Dtype scales) {
  const mx::array matrix = tensor::astype(random_array({outputs, columns}, 11, 0.05F), scales);
  Packed packed{tensor::quantize(matrix, group_size, bits), group_size, bits};
  mx::eval(packed.parts.weight, packed.parts.scales, *packed.parts.biases);
  return packed;
}

double relative_rms(const mx::array& got, const mx::array& wanted) {
  const auto a = values(tensor::astype(got, mx::float32));
  const auto b = values(wanted);
  double error = 0;
  double size = 0;
  for (std::size_t i = 0; i < b.size(); ++i) {
    error += std::pow(double{a[i]} - double{b[i]}, 2);
    size += std::pow(double{b[i]}, 2);
  }
  return a.size() == b.size() ? std::sqrt(error / size) : INFINITY;
}

class CudaMatmulTest : public testing::Test {
 protected:
  void SetUp() override {
    EXPECT_EQ(cuda_plugin_problem(), "");
    if (!has_cuda_plugin()) {
      GTEST_SKIP() << "no CUDA device, or libmlx_hub_cuda.so is not built";
    }
  }
};

struct Types {
  mx::Dtype x;
  mx::Dtype scales;
};

TEST_F(CudaMatmulTest, EqualsTheUnpackedWeightsProduct) {
  const std::vector<std::tuple<int, int>> shapes{
      {16, 128}, {1000, 576}, {77, 1536}, {4096, 2048}, {96, 14336}};
  const std::vector<Types> types{
      {mx::bfloat16, mx::bfloat16},
      {mx::float16, mx::float16},
      {mx::bfloat16, mx::float16},
      {mx::bfloat16, mx::float32}};
  for (const auto& [outputs, columns] : shapes) {
    const mx::array all = random_array({64, columns}, 3);
    for (const int bits : {4, 8}) {
      for (const int group_size : {32, 64, 128}) {
        if (columns % group_size != 0) {
          continue;
        }
        for (const Types& type : types) {
          const Packed packed = packed_of(outputs, columns, group_size, bits, type.scales);
          const mx::array x = tensor::astype(all, type.x);
          const mx::array wanted =
              mx::matmul(tensor::astype(x, mx::float32), mx::transpose(packed.matrix()));
          for (const int m : {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 48, 64}) {
            const auto product = cuda_quantized_matmul(rows_of(x, 0, m), packed.weight());
            ASSERT_TRUE(product.has_value()) << m;
            ASSERT_EQ(product->dtype(), type.x);
            EXPECT_LE(relative_rms(*product, rows_of(wanted, 0, m)), kBound)
                << m << " rows, weight " << outputs << " x " << columns << ", " << bits
                << " bits, groups of " << group_size;
          }
        }
      }
    }
  }
}

TEST_F(CudaMatmulTest, TakesRowsWithGapsAndAnyAlignment) {
  const Packed packed = packed_of(256, 512, 64, 4, mx::bfloat16);
  const mx::array wide = tensor::astype(random_array({24, 1024}, 5), mx::bfloat16);
  mx::eval(wide);
  for (const int begin : {0, 8, 3}) {  // whole vectors, then a copy is needed
    const mx::array x = mx::slice(wide, {0, begin}, {24, begin + 512});
    const mx::array wanted =
        mx::matmul(tensor::astype(x, mx::float32), mx::transpose(packed.matrix()));
    for (const int m : {1, 4, 24}) {
      const auto product = cuda_quantized_matmul(rows_of(x, 0, m), packed.weight());
      ASSERT_TRUE(product.has_value());
      EXPECT_LE(relative_rms(*product, rows_of(wanted, 0, m)), kBound) << begin << ", " << m;
    }
  }
  const mx::array turned = mx::transpose(tensor::astype(random_array({512, 4}, 6), mx::bfloat16));
  const auto product = cuda_quantized_matmul(turned, packed.weight());
  ASSERT_TRUE(product.has_value());
  const mx::array wanted =
      mx::matmul(tensor::astype(turned, mx::float32), mx::transpose(packed.matrix()));
  EXPECT_LE(relative_rms(*product, wanted), kBound);
}

TEST_F(CudaMatmulTest, TakesAPartOfAWeight) {
  const Packed packed = packed_of(256, 512, 64, 4, mx::bfloat16);
  const mx::array x = tensor::astype(random_array({6, 512}, 7), mx::bfloat16);
  const auto part = [](const mx::array& whole) {
    return mx::slice(whole, {33, 0}, {190, whole.shape(1)});
  };
  const mx::array words = part(packed.parts.weight);
  const mx::array scales = part(packed.parts.scales);
  const mx::array biases = part(*packed.parts.biases);
  const auto product = cuda_quantized_matmul(x, {words, scales, biases, 64, 4});
  ASSERT_TRUE(product.has_value());
  const mx::array wanted =
      mx::matmul(tensor::astype(x, mx::float32), mx::transpose(part(packed.matrix())));
  EXPECT_LE(relative_rms(*product, wanted), kBound);
}

TEST_F(CudaMatmulTest, HasTheGradientOfTheUnpackedProduct) {
  const Packed packed = packed_of(192, 256, 64, 4, mx::bfloat16);
  const mx::array matrix = packed.matrix();
  for (const int m : {4, 24}) {
    const mx::array x = tensor::astype(random_array({m, 256}, 8), mx::bfloat16);
    const mx::array cotangent = tensor::astype(random_array({m, 192}, 9), mx::bfloat16);
    const auto product = [&](const std::vector<mx::array>& in) {
      return std::vector<mx::array>{quantized_matmul(in[0], packed.weight())};
    };
    const auto gradients = mx::vjp(product, {x}, {cotangent}).second;
    const mx::array wanted = mx::matmul(tensor::astype(cotangent, mx::float32), matrix);
    EXPECT_LE(relative_rms(gradients[0], wanted), 2 * kBound) << m;
  }
}

// What batch invariance rests on: a product of 32 rows is the same kernel whatever its rows are.
TEST_F(CudaMatmulTest, ARowHasTheSameBitsInAnyBlock) {
  const Packed packed = packed_of(1024, 576, 64, 4, mx::bfloat16);
  const mx::array x = tensor::astype(random_array({75, 576}, 10), mx::bfloat16);
  const auto product = [&](const mx::array& rows) {
    return in_row_blocks(
        rows, [&](const mx::array& part) { return quantized_matmul(part, packed.weight()); });
  };
  set_batch_invariant(true);
  const mx::array together = tensor::astype(product(x), mx::float32);
  for (const int row : {0, 31, 32, 74}) {
    const mx::array alone = tensor::astype(product(rows_of(x, row, row + 1)), mx::float32);
    EXPECT_TRUE(same_bits(alone, rows_of(together, row, row + 1))) << row;
  }
  set_batch_invariant(false);
}

TEST_F(CudaMatmulTest, UnpacksAsMlxDoes) {
  for (const auto& [outputs, columns] : {std::tuple{16, 128}, {77, 1536}, {1000, 4096}}) {
    for (const int bits : {4, 8}) {
      for (const int group_size : {32, 64, 128}) {
        for (const auto& type :
             {Types{mx::bfloat16, mx::bfloat16},
              {mx::float16, mx::float16},
              {mx::bfloat16, mx::float32}}) {
          const Packed packed = packed_of(outputs, columns, group_size, bits, type.scales);
          const auto matrix = cuda_dequantize(packed.weight(), type.x);
          ASSERT_TRUE(matrix.has_value());
          ASSERT_EQ(matrix->dtype(), type.x);
          EXPECT_LE(relative_rms(*matrix, packed.matrix()), kBound)
              << outputs << " x " << columns << ", " << bits << " bits, groups of " << group_size;
        }
      }
    }
  }
}

TEST_F(CudaMatmulTest, LeavesWhatItDoesNotTakeToMlx) {
  const Packed packed = packed_of(64, 256, 64, 4, mx::bfloat16);
  const mx::array many = mx::zeros({1000, 256}, mx::bfloat16);
  EXPECT_FALSE(cuda_quantized_matmul(many, packed.weight()).has_value());
  EXPECT_FALSE(
      cuda_quantized_matmul(mx::zeros({1, 256}, mx::float32), packed.weight()).has_value());
  const Packed six = packed_of(64, 256, 64, 6, mx::bfloat16);
  EXPECT_FALSE(cuda_quantized_matmul(mx::zeros({1, 256}, mx::bfloat16), six.weight()).has_value());
  EXPECT_FALSE(cuda_dequantize(six.weight(), mx::bfloat16).has_value());
}

TEST(CudaPlugin, IsNotLookedForWithoutCuda) {
  if (tensor::default_device_is_cuda()) {
    GTEST_SKIP() << "of machines without";
  }
  const Packed packed = packed_of(64, 256, 64, 4, mx::float16);
  EXPECT_FALSE(has_cuda_plugin());
  EXPECT_EQ(cuda_plugin_problem(), "");
  EXPECT_FALSE(
      cuda_quantized_matmul(mx::zeros({1, 256}, mx::float16), packed.weight()).has_value());
  EXPECT_FALSE(cuda_dequantize(packed.weight(), mx::float16).has_value());
}

}  // namespace
}  // namespace hub::kernels

#include "core/kernels/dense_matmul.h"

#include <gtest/gtest.h>
#include <mlx/ops.h>
#include <mlx/transforms.h>

#include "core/base/error.h"
#include "core/kernels/cpu_level.h"
#include "core/kernels/thread_pool.h"
#include "tests/unit/kernels/kernel_inputs.h"

namespace hub::kernels {
namespace {

std::vector<double> product(const mx::array& x, const mx::array& w, bool transposed) {
  const auto a = values(x);
  const auto b = values(transposed ? mx::transpose(w) : w);
  const auto rows = static_cast<std::size_t>(x.shape(0));
  const auto inner = static_cast<std::size_t>(x.shape(1));
  const std::size_t columns = b.size() / inner;
  std::vector<double> y(rows * columns, 0.0);
  for (std::size_t m = 0; m < rows; ++m) {
    for (std::size_t k = 0; k < inner; ++k) {
      for (std::size_t n = 0; n < columns; ++n) {
        y[m * columns + n] += double{a[m * inner + k]} * double{b[k * columns + n]};
      }
    }
  }
  return y;
}

class DenseMatmulTest : public LevelTest {};

TEST_P(DenseMatmulTest, EqualsAProductInDouble) {
  const ScopedCpuLevel forced(GetParam());
  for (const auto& [inner, columns] :
       {std::pair{576, 8}, {8, 576}, {4, 37}, {37, 4}, {1, 1}, {1100, 130}, {300, 70}}) {
    for (const int m : {1, 2, 3, 5, 8, 17, 64, 129}) {
      const auto x = random_array({m, inner}, 1);
      const auto w = random_array({inner, columns}, 2);
      const auto turned = random_array({columns, inner}, 3);
      EXPECT_LE(relative_error(values(kernels::matmul(x, w)), product(x, w, false)), 1e-5)
          << m << " x " << inner << " x " << columns;
      EXPECT_LE(
          relative_error(values(kernels::matmul_transposed(x, turned)), product(x, turned, true)),
          1e-5)
          << m << " x " << inner << " x " << columns << " transposed";
    }
  }
}

TEST_P(DenseMatmulTest, RowsDependOnNothingElse) {
  const ScopedCpuLevel forced(GetParam());
  const auto x = random_array({300, 1100}, 1);
  const auto w = random_array({1100, 201}, 2);
  const auto turned = random_array({201, 1100}, 3);
  const auto all = values(kernels::matmul(x, w));
  const auto all_turned = values(kernels::matmul_transposed(x, turned));
  for (const int threads : {1, 2, 3}) {
    ThreadPool::shared().set_threads(threads);
    for (const int m : {1, 2, 3, 5, 8, 17, 64, 129}) {
      const auto part = rows_of(x, 31, 31 + m);
      const auto begin = 31 * 201;
      const auto end = begin + m * 201;
      EXPECT_TRUE(
          same_bits(values(kernels::matmul(part, w)), {all.begin() + begin, all.begin() + end}));
      EXPECT_TRUE(same_bits(
          values(kernels::matmul_transposed(part, turned)),
          {all_turned.begin() + begin, all_turned.begin() + end}));
    }
  }
}

// A low rank: few rows go another way than many.
TEST_P(DenseMatmulTest, RowsOfFewColumnsDependOnNothingElse) {
  const ScopedCpuLevel forced(GetParam());
  for (const int inner : {1, 255, 256, 600, 1100, 2400}) {
    for (const int columns : {1, 8, 16, 17}) {
      const auto x = random_array({9, inner}, 1);
      const auto w = random_array({inner, columns}, 2);
      const auto all = values(kernels::matmul(x, w));
      for (const int m : {1, 2, 3, 4}) {
        const auto part = values(kernels::matmul(rows_of(x, 4, 4 + m), w));
        EXPECT_TRUE(same_bits(part, {all.begin() + 4 * columns, all.begin() + (4 + m) * columns}))
            << m << " x " << inner << " x " << columns;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Levels, DenseMatmulTest, testing::ValuesIn(available_cpu_levels()), [](const auto& each) {
      return std::string(to_string(each.param));
    });

TEST(DenseMatmul, GradientsOfBothOperandsEqualStock) {
  const auto x = random_array({9, 40}, 1);
  const auto w = random_array({40, 7}, 2);
  const auto seed = random_array({9, 7}, 3);
  const auto gradients = [&](auto operation) {
    const auto loss = [&](const std::vector<mx::array>& in) {
      return std::vector{mx::sum(operation(in[0], in[1]) * seed)};
    };
    return mx::vjp(loss, {x, w}, {mx::array(1.0F)}).second;
  };
  const auto stock = gradients([](const auto& a, const auto& b) { return mx::matmul(a, b); });
  const auto plain = gradients([](const auto& a, const auto& b) { return kernels::matmul(a, b); });
  const auto turned = gradients(
      [](const auto& a, const auto& b) { return kernels::matmul_transposed(a, mx::transpose(b)); });
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_LE(relative_error(plain[i], stock[i]), 1e-5);
    EXPECT_LE(relative_error(turned[i], stock[i]), 1e-5);
  }
}

TEST(DenseMatmul, RefusesWhatDoesNotFit) {
  EXPECT_THROW(kernels::matmul(mx::zeros({2, 3}), mx::zeros({4, 5})), base::Error);
  EXPECT_THROW(kernels::matmul_transposed(mx::zeros({2, 3}), mx::zeros({3, 5})), base::Error);
  EXPECT_THROW(kernels::matmul(mx::zeros({3}), mx::zeros({3, 5})), base::Error);
  EXPECT_THROW(kernels::matmul(mx::zeros({2, 3}, mx::float16), mx::zeros({3, 5})), base::Error);
}

}  // namespace
}  // namespace hub::kernels

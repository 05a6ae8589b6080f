#include "core/engine/exp_sum.h"

#include <cmath>
#include <limits>
#include <numeric>

#include <gtest/gtest.h>

namespace hub::engine {
namespace {

double sum_of(const std::vector<float>& x, float top, float scale) {
  std::vector<double> sums;
  exp_sums(x, top, scale, sums);
  EXPECT_EQ(sums.size(), (x.size() + kExpSumBlock - 1) / kExpSumBlock);
  return std::accumulate(sums.begin(), sums.end(), 0.0);
}

TEST(ExpSums, EachExponentialIsCloseToTheExactOne) {
  for (float x = -86.0F; x <= 0.0F; x += 0.0137F) {
    const double exact = std::exp(static_cast<double>(x));
    EXPECT_NEAR(sum_of({x}, 0.0F, 1.0F) / exact, 1.0, 3e-7) << x;
  }
}

TEST(ExpSums, AnyLengthAndScale) {
  for (const std::size_t length : {1U, 7U, 8U, 9U, 1023U, 1024U, 1025U, 5000U}) {
    std::vector<float> x(length);
    double exact = 0.0;
    for (std::size_t i = 0; i < length; ++i) {
      x[i] = -0.01F * static_cast<float>(i % 500);
      exact += std::exp((static_cast<double>(x[i]) - 3.0) * 0.5);
    }
    EXPECT_NEAR(sum_of(x, 3.0F, 0.5F) / exact, 1.0, 1e-6) << length;
  }
}

TEST(ExpSums, NaNShowsAndMinusInfinityCountsNothing) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float inf = std::numeric_limits<float>::infinity();
  std::vector<float> x(20, -inf);
  x[3] = 0.0F;
  EXPECT_NEAR(sum_of(x, 0.0F, 1.0F), 1.0, 1e-7);
  for (const std::size_t at : {2U, 19U}) {
    x[at] = nan;
    EXPECT_TRUE(std::isnan(sum_of(x, 0.0F, 1.0F)));
  }
}

TEST(MaxOf, FindsTheLargestAnywhere) {
  for (const std::size_t length : {1U, 8U, 13U, 100U}) {
    for (std::size_t at = 0; at < length; ++at) {
      std::vector<float> x(length, -5.0F);
      x[at] = -4.0F;
      EXPECT_EQ(max_of(x), -4.0F);
    }
  }
}

}  // namespace
}  // namespace hub::engine

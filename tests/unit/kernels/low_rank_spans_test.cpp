#include "core/kernels/low_rank_spans.h"

#include <gtest/gtest.h>
#include <mlx/ops.h>

#include "core/base/error.h"
#include "core/kernels/dense_matmul.h"
#include "tests/unit/kernels/kernel_inputs.h"

namespace hub::kernels {
namespace {

class LowRankSpans : public testing::Test {
 protected:
  void SetUp() override {
    if (!runs_on_cpu()) {
      GTEST_SKIP() << "a CPU kernel";
    }
  }
  static LowRankSpan span(int begin, int end, int rank, std::uint32_t seed) {
    return {
        begin,
        end,
        random_array({kIn, rank}, seed),
        random_array({rank, kOut}, seed + 1),
        0.5F + static_cast<float>(seed)};
  }
  static mx::array rows(const mx::array& x, int begin, int end) {
    return mx::slice(x, mx::Shape{begin, 0}, mx::Shape{end, x.shape(1)});
  }

  static constexpr int kIn = 70;
  static constexpr int kOut = 131;
  mx::array x_ = random_array({90, kIn}, 1);
  mx::array y_ = random_array({90, kOut}, 2);
};

// One row, many rows (more than one part, on several threads), ranks below and above 16.
TEST_F(LowRankSpans, HasTheBitsOfTheSeparateOperations) {
  const std::vector<LowRankSpan> spans{
      span(1, 2, 8, 10), span(2, 60, 64, 20), span(62, 63, 1, 30), span(70, 90, 20, 40)};
  const mx::array result = add_low_rank(y_, x_, spans);
  int done = 0;
  for (const LowRankSpan& one : spans) {
    EXPECT_TRUE(
        mx::array_equal(rows(result, done, one.begin), rows(y_, done, one.begin)).item<bool>());
    const mx::array own = rows(x_, one.begin, one.end);
    const mx::array delta =
        mx::multiply(kernels::matmul(kernels::matmul(own, one.a), one.b), mx::array(one.scale));
    const mx::array wanted = mx::add(rows(y_, one.begin, one.end), delta);
    EXPECT_TRUE(mx::array_equal(rows(result, one.begin, one.end), wanted).item<bool>())
        << one.begin;
    done = one.end;
  }
}

TEST_F(LowRankSpans, WhatDoesNotFitIsRefused) {
  EXPECT_THROW(add_low_rank(y_, x_, {span(80, 91, 8, 1)}), base::Error);
  EXPECT_THROW(add_low_rank(y_, x_, {span(-1, 2, 8, 1)}), base::Error);
  EXPECT_THROW(add_low_rank(x_, x_, {span(0, 2, 8, 1)}), base::Error);
  LowRankSpan torn = span(0, 2, 8, 1);
  torn.b = random_array({7, kOut}, 3);
  EXPECT_THROW(add_low_rank(y_, x_, {torn}), base::Error);
  torn.b = mx::astype(random_array({8, kOut}, 3), mx::float16);
  EXPECT_THROW(add_low_rank(y_, x_, {torn}), base::Error);
}

}  // namespace
}  // namespace hub::kernels

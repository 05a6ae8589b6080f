#include "core/kernels/batch_invariance.h"

#include <functional>
#include <vector>

#include <gtest/gtest.h>
#include <mlx/ops.h>
#include <mlx/transforms.h>

#include "core/tensor/ops.h"
#include "tests/unit/kernels/kernel_inputs.h"

namespace hub::kernels {
namespace {

class BatchInvarianceTest : public testing::Test {
 protected:
  void SetUp() override { set_batch_invariant(true); }
  void TearDown() override { set_batch_invariant(false); }
};

TEST_F(BatchInvarianceTest, IsOfGpusAlone) {
  EXPECT_EQ(batch_invariant(), tensor::default_device_is_gpu());
  set_batch_invariant(false);
  EXPECT_FALSE(batch_invariant());
}

TEST_F(BatchInvarianceTest, BlocksGiveEachRowItsProduct) {
  const mx::array w = random_array({48, 64}, 5);
  for (const int rows : {1, 31, 32, 33, 64, 100}) {
    const mx::array x = random_array({rows, 64}, 7);
    std::vector<int> blocks;
    const mx::array y = in_row_blocks(x, [&](const mx::array& block) {
      blocks.push_back(block.shape(0));
      return mx::matmul(block, mx::transpose(w));
    });
    EXPECT_EQ(y.shape(), (mx::Shape{rows, 48}));
    EXPECT_LE(relative_error(y, mx::matmul(x, mx::transpose(w))), 1e-5) << rows;
    if (tensor::default_device_is_gpu()) {
      EXPECT_EQ(blocks, std::vector<int>(static_cast<std::size_t>((rows + 31) / 32), 32));
    } else {
      EXPECT_EQ(blocks, std::vector<int>{rows});
    }
  }
}

// With a packed and a dense weight: what is chosen by the number of rows otherwise.
TEST_F(BatchInvarianceTest, ARowHasTheSameBitsInAnyBatch) {
  if (!tensor::default_device_is_gpu()) {
    GTEST_SKIP() << "tests of the CPU's kernels show it there";
  }
  const mx::array w = mx::astype(random_array({256, 512}, 5), mx::bfloat16);
  const auto packed = tensor::quantize(w, 64, 4);
  const mx::array x = mx::astype(random_array({200, 512}, 7), mx::bfloat16);
  const auto dense = [&](const mx::array& rows) { return mx::matmul(rows, mx::transpose(w)); };
  const auto quantized = [&](const mx::array& rows) {
    return tensor::quantized_matmul(rows, packed.weight, packed.scales, packed.biases, true, 64, 4);
  };
  const auto check = [&](const std::function<mx::array(const mx::array&)>& product) {
    const mx::array all = in_row_blocks(x, product);
    for (const int row : {0, 31, 32, 77, 199}) {
      const mx::array one = mx::slice(x, {row, 0}, {row + 1, 512});
      const mx::array of_all = mx::slice(all, {row, 0}, {row + 1, 256});
      EXPECT_TRUE(mx::array_equal(in_row_blocks(one, product), of_all).item<bool>()) << row;
    }
  };
  check(dense);
  check(quantized);
}

}  // namespace
}  // namespace hub::kernels

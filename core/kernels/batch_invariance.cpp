#include "core/kernels/batch_invariance.h"

#include <algorithm>
#include <atomic>
#include <vector>

#include <mlx/ops.h>

#include "core/tensor/ops.h"

namespace hub::kernels {

namespace mx = mlx::core;

namespace {

constexpr int kBlockRows = 32;

std::atomic<bool>& wanted() {
  static std::atomic<bool> on{false};
  return on;
}

}  // namespace

void set_batch_invariant(bool on) {
  wanted() = on;
}

bool batch_invariant() {
  return wanted() && tensor::default_device_is_gpu();
}

mx::array in_row_blocks(
    const mx::array& x, const std::function<mx::array(const mx::array&)>& product) {
  const int rows = x.shape(0);
  if (!batch_invariant() || rows == kBlockRows || rows == 0) {
    return product(x);
  }
  std::vector<mx::array> blocks;
  for (int begin = 0; begin < rows; begin += kBlockRows) {
    const int count = std::min(kBlockRows, rows - begin);
    const mx::array own = rows == count ? x : mx::slice(x, {begin, 0}, {begin + count, x.shape(1)});
    if (count == kBlockRows) {
      blocks.push_back(product(own));
      continue;
    }
    const mx::array zeros = mx::zeros({kBlockRows - count, x.shape(1)}, x.dtype());
    const mx::array y = product(mx::concatenate({own, zeros}, 0));
    blocks.push_back(mx::slice(y, {0, 0}, {count, y.shape(1)}));
  }
  return blocks.size() == 1 ? blocks.front() : mx::concatenate(blocks, 0);
}

}  // namespace hub::kernels

#include "core/train/gradient_clip.h"

#include <mlx/ops.h>

#include "core/tensor/ops.h"

namespace hub::train {

mx::array global_norm(std::span<const mx::array> gradients) {
  mx::array squares(0.0F);
  for (const mx::array& gradient : gradients) {
    squares = squares + mx::sum(mx::square(tensor::astype(gradient, mx::float32)));
  }
  return mx::sqrt(squares);
}

std::vector<mx::array> clip_by_norm(
    std::span<const mx::array> gradients, const mx::array& norm, float max_norm) {
  const mx::array factor =
      mx::minimum(mx::array(max_norm) / (norm + mx::array(1e-6F)), mx::array(1.0F));
  std::vector<mx::array> clipped;
  clipped.reserve(gradients.size());
  for (const mx::array& gradient : gradients) {
    clipped.push_back(tensor::astype(gradient * factor, gradient.dtype()));
  }
  return clipped;
}

}  // namespace hub::train

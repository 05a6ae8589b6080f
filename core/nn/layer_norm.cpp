// Port of mlx.nn's LayerNorm.
#include "core/nn/layer_norm.h"

#include <utility>

#include "core/tensor/layer_norm.h"

namespace hub::nn {

LayerNorm::LayerNorm(mx::array weight, mx::array bias, float eps)
    : weight_(std::move(weight)), bias_(std::move(bias)), eps_(eps) {}

mx::array LayerNorm::operator()(const mx::array& x) const {
  return tensor::layer_norm(x, weight_, bias_, eps_);
}

}  // namespace hub::nn

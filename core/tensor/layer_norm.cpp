#include "core/tensor/layer_norm.h"

#include <mlx/fast.h>

namespace hub::tensor {

mx::array layer_norm(
    const mx::array& x, const mx::array& weight, const mx::array& bias, float eps) {
  return mx::fast::layer_norm(x, weight, bias, eps);
}

}  // namespace hub::tensor

#pragma once

#include <mlx/array.h>

namespace hub::tensor {

namespace mx = mlx::core;

// (x - mean) / sqrt(variance + eps) * weight + bias over the last axis.
mx::array layer_norm(const mx::array& x, const mx::array& weight, const mx::array& bias, float eps);

}  // namespace hub::tensor

#pragma once

#include <mlx/array.h>

namespace hub::kernels {

namespace mx = mlx::core;

// y[i] = weight * x[i] / sqrt(mean(x[i]^2) + eps), row by row (arXiv:1910.07467 eq. 4).
// x [rows, D] float32, weight [D] float32 -> [rows, D]. Differentiable in x and weight.
// Shapes or dtypes that do not fit throw base::Error kInvalidArgument.
mx::array rms_norm(const mx::array& x, const mx::array& weight, float eps);

}  // namespace hub::kernels

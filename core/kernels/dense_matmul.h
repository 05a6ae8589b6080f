#pragma once

#include <mlx/array.h>

namespace hub::kernels {

namespace mx = mlx::core;

// Products whose summation order is fixed: an output row has the same bits whatever the other rows,
// their number and the number of threads (CPU; elsewhere MLX's own matmul, without that promise).
// float32, two dimensions. Differentiable in both operands; the gradients use MLX's matmul.
// Shapes or dtypes that do not fit throw base::Error kInvalidArgument.
// They build graphs only and belong to the thread that owns MLX.

// x [M, K], w [N, K] -> x w^T [M, N]
mx::array matmul_transposed(const mx::array& x, const mx::array& w);

// x [M, K], w [K, N] -> x w [M, N]
mx::array matmul(const mx::array& x, const mx::array& w);

}  // namespace hub::kernels

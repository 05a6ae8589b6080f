#pragma once

#include <mlx/array.h>

namespace hub::kernels {

namespace mx = mlx::core;

// x, handed on once everything that was evaluated before it on the CPU's stream is computed and its
// memory is free. MLX allocates results when it queues their computation, up to a hundred
// operations ahead: a barrier keeps the parts of a large computation from lying in memory together.
// On a GPU x itself: MLX bounds there what is under way by bytes. Not differentiable.
mx::array barrier(const mx::array& x);

}  // namespace hub::kernels

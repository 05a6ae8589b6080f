#pragma once

#include <mlx/array.h>

namespace hub::kernels {

namespace mx = mlx::core;

// True where swiglu_cuda() can compute: on CUDA, a multiple of 2048 elements of a half type.
bool has_swiglu_cuda(const mx::array& gate, const mx::array& up);

// swiglu.h in one kernel forward and one backward. The result has the bits of MLX's own operations,
// (gate * sigmoid(gate)) * up, each rounded, as mlx_lm/models/activations.py computes it; gradients
// are float32 inside and rounded once. The backward pass keeps gate and up alone. Requires
// has_swiglu_cuda().
mx::array swiglu_cuda(const mx::array& gate, const mx::array& up);

}  // namespace hub::kernels

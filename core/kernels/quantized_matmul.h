#pragma once

#include <mlx/array.h>

namespace hub::kernels {

namespace mx = mlx::core;

// A weight W [N, K] in MLX's affine packing: element k of row n is
// scales[n, k / group_size] * q + biases[n, k / group_size], where q is the unsigned `bits`-wide
// field k of the row's little-endian words (mlx.core.quantize, mode "affine").
struct QuantizedWeight {
  const mx::array& packed;  // uint32 [N, K * bits / 32]
  const mx::array& scales;  // [N, K / group_size], float16 or float32
  const mx::array& biases;  // as scales
  int group_size;           // own kernel: 32, 64
  int bits;                 // own kernel: 4, 8
};

// transpose: x [M, K] -> x W^T [M, N].  Otherwise: x [M, N] -> x W [M, K].  float32 on CPU, the
// type of x elsewhere.
//
// On CPU (groups 32 and 64, 4 and 8 bits, K a multiple of 32) an own threaded kernel computes; an
// output row then has the same bits whatever the other rows, their number and the number of
// threads. On a GPU, many rows are multiplied with the weight unpacked for them alone, forward and
// backward, and on CUDA few rows by a kernel of ours where it is quicker (cuda_plugin.h).
// Everything else goes to MLX's stock operation, without that promise. Differentiable in x (the
// same operation with the flag flipped). Asking for a gradient of packed, scales or biases throws
// base::Error kInvalidArgument where the own kernel computes, as do shapes or dtypes that do not
// fit, everywhere. Builds a graph only; belongs to the thread that owns MLX.
mx::array quantized_matmul(const mx::array& x, const QuantizedWeight& w, bool transpose = true);

}  // namespace hub::kernels

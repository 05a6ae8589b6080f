#pragma once

#include <optional>
#include <string>

#include <mlx/array.h>

// Matrix products of which each row chooses its matrix. As the rest of core/tensor: MLX calls whose
// signature moves, on the thread that owns MLX.
namespace hub::tensor {

namespace mx = mlx::core;

// x [rows, m, in] with m = 1 or k, weight [matrices, in, out], choice [rows, k] uint32 or int32:
// result[r, j] = x[r, m == 1 ? 0 : j] weight[choice[r, j]] -> [rows, k, out]. Differentiable in x
// and weight. `sorted`: m = k = 1 and `choice` ascends, which MLX's GPUs multiply a matrix at a
// time; the gradient of weight of many rows needs it on CUDA (MLX 0.32.4 fails otherwise).
mx::array gather_matmul(
    const mx::array& x, const mx::array& weight, const mx::array& choice, bool sorted = false);

// The same with packed matrices [matrices, out, in * bits / 32] uint32, each transposed: what
// mlx_lm/models/switch_layers.py › QuantizedSwitchLinear computes. `mode` is "affine" (scales and
// biases [matrices, out, in / group_size] of the type of x) or "mxfp4" (scales uint8, no biases).
// Differentiable in x.
struct PackedMatrices {
  mx::array weight;
  mx::array scales;
  std::optional<mx::array> biases;
  int group_size;
  int bits;
  std::string mode;
};
mx::array gather_quantized_matmul(
    const mx::array& x,
    const PackedMatrices& matrices,
    const mx::array& choice,
    bool sorted = false);

}  // namespace hub::tensor

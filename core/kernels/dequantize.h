#pragma once

#include <mlx/array.h>

#include "core/kernels/quantized_matmul.h"

namespace hub::kernels {

// The matrix [N, K] that `w` packs, of type `dtype`, each element rounded once. On CUDA an own
// kernel for 4 and 8 bits, which moves the fewest bytes; elsewhere MLX's operation. Not
// differentiable. Builds a graph only.
mx::array dequantize(const QuantizedWeight& w, mx::Dtype dtype);

}  // namespace hub::kernels

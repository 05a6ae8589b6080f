#pragma once

#include <mlx/array.h>

namespace hub::nn {

namespace mx = mlx::core;

// gpt-oss' gate (mlx_lm/models/activations.py › swiglu_oai): g sigmoid(1.702 g) (u + 1), where g is
// the gate up to 7 and u is `up` within [-7, 7]. Equal shapes and types.
mx::array clipped_swiglu(const mx::array& gate, const mx::array& up);

}  // namespace hub::nn

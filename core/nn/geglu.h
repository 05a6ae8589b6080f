#pragma once

#include <mlx/array.h>

namespace hub::nn {

namespace mx = mlx::core;

// x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3))): GELU by tanh (arXiv:1606.08415 section 2).
mx::array gelu_approx(const mx::array& x);

// x * Phi(x) with the normal distribution's Phi(x) = (1 + erf(x / sqrt(2))) / 2: GELU itself.
mx::array gelu(const mx::array& x);

// gelu_approx(gate) * up, element by element (arXiv:2002.05202 eq. 6). Equal shapes and types.
mx::array geglu(const mx::array& gate, const mx::array& up);

}  // namespace hub::nn

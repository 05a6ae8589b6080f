#pragma once

#include <mlx/array.h>

namespace hub::nn {

namespace mx = mlx::core;

// gate * sigmoid(gate) * up, element by element (arXiv:2002.05202 eq. 6). Equal shapes and types.
mx::array swiglu(const mx::array& gate, const mx::array& up);

}  // namespace hub::nn

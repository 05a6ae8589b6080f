#pragma once

#include <mlx/array.h>

namespace hub::kernels {

namespace mx = mlx::core;

// gate * sigmoid(gate) * up, element by element (arXiv:2002.05202 eq. 6). Equal shapes; float32 on
// CPU, any float elsewhere. Differentiable in both. Shapes or dtypes that do not fit throw
// base::Error kInvalidArgument.
mx::array swiglu(const mx::array& gate, const mx::array& up);

}  // namespace hub::kernels

// Port of mlx_lm/models/activations.py › swiglu.
#include "core/nn/swiglu.h"

#include <mlx/ops.h>

#include "core/kernels/swiglu.h"
#include "core/tensor/ops.h"

namespace hub::nn {

mx::array swiglu(const mx::array& gate, const mx::array& up) {
  if (gate.dtype() == mx::float32 || tensor::default_device_is_gpu()) {
    return kernels::swiglu(gate, up);
  }
  return mx::multiply(mx::multiply(gate, mx::sigmoid(gate)), up);
}

}  // namespace hub::nn

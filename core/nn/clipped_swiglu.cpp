#include "core/nn/clipped_swiglu.h"

#include <mlx/ops.h>

namespace hub::nn {

mx::array clipped_swiglu(const mx::array& gate, const mx::array& up) {
  const auto constant = [&](float value) { return mx::array(value, gate.dtype()); };
  const mx::array limit = constant(7.0F);
  const mx::array g = mx::minimum(gate, limit);
  const mx::array u = mx::clip(up, constant(-7.0F), limit);
  const mx::array swish = mx::multiply(g, mx::sigmoid(mx::multiply(constant(1.702F), g)));
  return mx::multiply(mx::add(u, constant(1.0F)), swish);
}

}  // namespace hub::nn

// Port of mlx.nn's gelu and gelu_approx and mlx_lm/models/gemma4_text.py › geglu.
#include "core/nn/geglu.h"

#include <cmath>
#include <numbers>
#include <vector>

#include <mlx/ops.h>

#include "core/tensor/ops.h"

namespace hub::nn {
namespace {

mx::array formula(const mx::array& x) {
  const auto constant = [&](double value) {
    return mx::array(static_cast<float>(value), x.dtype());
  };
  // In a half type as mlx.nn: the power rounds once, where the products round twice.
  const mx::array cube =
      x.dtype() == mx::float32 ? mx::multiply(x, mx::square(x)) : mx::power(x, constant(3.0));
  const mx::array inner = mx::multiply(
      constant(std::sqrt(2.0 / std::numbers::pi)),
      mx::add(x, mx::multiply(constant(0.044715), cube)));
  return mx::multiply(mx::multiply(constant(0.5), x), mx::add(constant(1.0), mx::tanh(inner)));
}

std::vector<mx::array> by_tanh(const std::vector<mx::array>& inputs) {
  return {formula(inputs[0])};
}

std::vector<mx::array> by_erf(const std::vector<mx::array>& inputs) {
  const mx::array& x = inputs[0];
  const mx::array root(static_cast<float>(std::numbers::sqrt2), x.dtype());
  const mx::array one(1.0F, x.dtype());
  const mx::array half(0.5F, x.dtype());
  return {mx::multiply(mx::multiply(x, mx::add(one, mx::erf(mx::divide(x, root)))), half)};
}

std::vector<mx::array> gated(const std::vector<mx::array>& inputs) {
  return {mx::multiply(formula(inputs[0]), inputs[1])};
}

}  // namespace

mx::array gelu_approx(const mx::array& x) {
  return tensor::fused(by_tanh, {x});
}

mx::array gelu(const mx::array& x) {
  return tensor::fused(by_erf, {x});
}

mx::array geglu(const mx::array& gate, const mx::array& up) {
  return tensor::fused(gated, {gate, up});
}

}  // namespace hub::nn

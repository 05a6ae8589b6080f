// Port of mlx.nn's RMSNorm.
#include "core/nn/rms_norm.h"

#include <utility>

#include <mlx/ops.h>

#include "core/kernels/rms_norm.h"
#include "core/tensor/ops.h"

namespace hub::nn {

RmsNorm::RmsNorm(std::string path, mx::array weight, float eps, float offset)
    : path_(std::move(path)), weight_(std::move(weight)), eps_(eps), offset_(offset) {}

mx::array RmsNorm::operator()(const mx::array& x) const {
  const mx::array weight =
      offset_ == 0.0F ? weight_ : mx::add(weight_, mx::array(offset_, weight_.dtype()));
  if (x.dtype() == mx::float32 && weight.dtype() == mx::float32) {
    return kernels::rms_norm(x, weight, eps_);
  }
  // A float32 weight would widen everything after it.
  return tensor::rms_norm(x, tensor::astype(weight, x.dtype()), eps_);
}

}  // namespace hub::nn

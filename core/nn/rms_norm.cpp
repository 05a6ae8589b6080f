// Port of mlx.nn's RMSNorm.
#include "core/nn/rms_norm.h"

#include <utility>

#include "core/kernels/rms_norm.h"
#include "core/tensor/ops.h"

namespace hub::nn {

RmsNorm::RmsNorm(std::string path, mx::array weight, float eps)
    : path_(std::move(path)), weight_(std::move(weight)), eps_(eps) {}

mx::array RmsNorm::operator()(const mx::array& x) const {
  if (x.dtype() == mx::float32 && weight_.dtype() == mx::float32) {
    return kernels::rms_norm(x, weight_, eps_);
  }
  // A float32 weight would widen everything after it.
  return tensor::rms_norm(x, tensor::astype(weight_, x.dtype()), eps_);
}

}  // namespace hub::nn

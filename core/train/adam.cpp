// Port of mlx/optimizers/optimizers.py › Adam, AdamW.
#include <cmath>
#include <vector>

#include <mlx/compile.h>
#include <mlx/ops.h>

#include "core/tensor/ops.h"
#include "core/train/optimizers.h"

namespace hub::train {

mx::array scalar_like(const mx::array& like, double value) {
  return mx::array(static_cast<float>(value), like.dtype());
}

namespace {

// {w, g, m, v, b1, 1 - b1, b2, 1 - b2, 1 - lr decay, rate, eps} -> {w, m, v} after a step; with
// bias correction `shrink` follows, which v's root is multiplied by.
template <bool corrected>
std::vector<mx::array> adam_step(const std::vector<mx::array>& in) {
  const mx::array& gradient = in[1];
  const mx::array m = in[4] * in[2] + in[5] * gradient;
  const mx::array v = in[6] * in[3] + in[7] * mx::square(gradient);
  mx::array root = mx::sqrt(v);
  if constexpr (corrected) {
    root = root * in[11];
  }
  return {in[0] * in[8] - in[9] * m / (root + in[10]), m, v};
}

// On a GPU one kernel instead of a dozen.
template <bool corrected>
std::vector<mx::array> fused_adam_step(const std::vector<mx::array>& in) {
  if (!tensor::default_device_is_gpu()) {
    return adam_step<corrected>(in);
  }
  static const auto compiled = mx::compile(adam_step<corrected>, true);
  return compiled(in);
}

class Adam final : public Optimizer {
 public:
  explicit Adam(const model_config::OptimizerParams& params) : params_(params) {}

 protected:
  [[nodiscard]] std::vector<mx::array> fresh(const mx::array& parameter) const override {
    return {mx::zeros_like(parameter), mx::zeros_like(parameter)};
  }

  [[nodiscard]] mx::array apply(
      const mx::array& parameter,
      const mx::array& gradient,
      const Step& step,
      std::span<mx::array> own) const override {
    double rate = step.learning_rate;
    if (params_.bias_correction) {
      rate /= 1.0 - std::pow(params_.beta1, step.number);
    }
    std::vector<mx::array> inputs{parameter, gradient, own[0], own[1]};
    for (const double value :
         {params_.beta1,
          1.0 - params_.beta1,
          params_.beta2,
          1.0 - params_.beta2,
          1.0 - step.learning_rate * step.weight_decay,
          rate,
          params_.eps}) {
      inputs.push_back(scalar_like(parameter, value));
    }
    if (params_.bias_correction) {
      const double shrink = 1.0 / std::sqrt(1.0 - std::pow(params_.beta2, step.number));
      inputs.push_back(scalar_like(parameter, shrink));
    }
    auto stepped =
        params_.bias_correction ? fused_adam_step<true>(inputs) : fused_adam_step<false>(inputs);
    own[0] = stepped[1];
    own[1] = stepped[2];
    return stepped[0];
  }

 private:
  model_config::OptimizerParams params_;
};

}  // namespace

std::unique_ptr<Optimizer> make_adam(const model_config::OptimizerParams& params) {
  return std::make_unique<Adam>(params);
}

}  // namespace hub::train

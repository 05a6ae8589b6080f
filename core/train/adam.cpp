// Port of mlx/optimizers/optimizers.py › Adam, AdamW.
#include <cmath>

#include <mlx/ops.h>

#include "core/train/optimizers.h"

namespace hub::train {

mx::array scalar_like(const mx::array& like, double value) {
  return mx::array(static_cast<float>(value), like.dtype());
}

namespace {

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
    const auto scalar = [&](double value) { return scalar_like(parameter, value); };
    mx::array& m = own[0];
    mx::array& v = own[1];
    m = scalar(params_.beta1) * m + scalar(1.0 - params_.beta1) * gradient;
    v = scalar(params_.beta2) * v + scalar(1.0 - params_.beta2) * mx::square(gradient);

    const mx::array decayed = parameter * scalar(1.0 - step.learning_rate * step.weight_decay);
    if (!params_.bias_correction) {
      return decayed - scalar(step.learning_rate) * m / (mx::sqrt(v) + scalar(params_.eps));
    }
    const double rate = step.learning_rate / (1.0 - std::pow(params_.beta1, step.number));
    const double shrink = 1.0 / std::sqrt(1.0 - std::pow(params_.beta2, step.number));
    return decayed - scalar(rate) * m / (mx::sqrt(v) * scalar(shrink) + scalar(params_.eps));
  }

 private:
  model_config::OptimizerParams params_;
};

}  // namespace

std::unique_ptr<Optimizer> make_adam(const model_config::OptimizerParams& params) {
  return std::make_unique<Adam>(params);
}

}  // namespace hub::train

// Port of mlx/optimizers/optimizers.py › SGD.
#include <mlx/ops.h>

#include "core/train/optimizers.h"

namespace hub::train {
namespace {

class Sgd final : public Optimizer {
 public:
  explicit Sgd(const model_config::OptimizerParams& params) : params_(params) {}

 protected:
  [[nodiscard]] std::vector<mx::array> fresh(const mx::array& parameter) const override {
    if (params_.momentum <= 0.0) {
      return {};
    }
    return {mx::zeros_like(parameter)};
  }

  [[nodiscard]] mx::array apply(
      const mx::array& parameter,
      const mx::array& gradient,
      const Step& step,
      std::span<mx::array> own) const override {
    const auto scalar = [&](double value) { return scalar_like(parameter, value); };
    mx::array slope = gradient;
    if (step.weight_decay != 0.0) {
      slope = slope + scalar(step.weight_decay) * parameter;
    }
    if (params_.momentum <= 0.0) {
      return parameter - scalar(step.learning_rate) * slope;
    }
    mx::array& v = own[0];
    v = scalar(params_.momentum) * v + scalar(1.0 - params_.dampening) * slope;
    const mx::array update = params_.nesterov ? slope + scalar(params_.momentum) * v : v;
    return parameter - scalar(step.learning_rate) * update;
  }

 private:
  model_config::OptimizerParams params_;
};

}  // namespace

std::unique_ptr<Optimizer> make_sgd(const model_config::OptimizerParams& params) {
  return std::make_unique<Sgd>(params);
}

}  // namespace hub::train

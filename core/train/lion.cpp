// Port of mlx/optimizers/optimizers.py › Lion.
#include <mlx/ops.h>

#include "core/train/optimizers.h"

namespace hub::train {
namespace {

class Lion final : public Optimizer {
 public:
  explicit Lion(const model_config::OptimizerParams& params) : params_(params) {}

 protected:
  [[nodiscard]] std::vector<mx::array> fresh(const mx::array& parameter) const override {
    return {mx::zeros_like(parameter)};
  }

  [[nodiscard]] mx::array apply(
      const mx::array& parameter,
      const mx::array& gradient,
      const Step& step,
      std::span<mx::array> own) const override {
    const auto scalar = [&](double value) { return scalar_like(parameter, value); };
    mx::array& m = own[0];
    const mx::array c = scalar(params_.beta1) * m + scalar(1.0 - params_.beta1) * gradient;
    m = scalar(params_.beta2) * m + scalar(1.0 - params_.beta2) * gradient;
    const mx::array decayed = parameter * scalar(1.0 - step.learning_rate * step.weight_decay);
    return decayed - scalar(step.learning_rate) * mx::sign(c);
  }

 private:
  model_config::OptimizerParams params_;
};

}  // namespace

std::unique_ptr<Optimizer> make_lion(const model_config::OptimizerParams& params) {
  return std::make_unique<Lion>(params);
}

}  // namespace hub::train

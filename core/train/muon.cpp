// Port of mlx/optimizers/optimizers.py › Muon.
#include <algorithm>
#include <cmath>

#include <mlx/ops.h>

#include "core/train/optimizers.h"

namespace hub::train {
namespace {

// The nearest matrix with orthogonal rows, roughly: `steps` of a fifth-order Newton-Schulz
// iteration. x [rows, columns] -> same.
mx::array orthogonal(const mx::array& x, int steps) {
  const auto scalar = [&](double value) { return scalar_like(x, value); };
  const bool tall = x.shape(0) > x.shape(1);
  mx::array y = tall ? mx::transpose(x) : x;
  y = y / (mx::sqrt(mx::sum(mx::square(y), true)) + scalar(1e-7));
  for (int i = 0; i < steps; ++i) {
    const mx::array a = mx::matmul(y, mx::transpose(y));
    const mx::array b = scalar(-4.7750) * a + scalar(2.0315) * mx::matmul(a, a);
    y = scalar(3.4445) * y + mx::matmul(b, y);
  }
  return tall ? mx::transpose(y) : y;
}

class Muon final : public Optimizer {
 public:
  explicit Muon(const model_config::OptimizerParams& params) : params_(params) {}

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
    const mx::array momentum = scalar(params_.momentum);
    const mx::array rest = scalar(1.0 - params_.momentum);
    mx::array slope = gradient;
    if (step.weight_decay != 0.0) {
      slope = slope + scalar(step.weight_decay) * parameter;
    }
    mx::array& v = own[0];
    v = momentum * v + rest * slope;
    mx::array update = params_.nesterov ? slope * rest + v * momentum : v;
    double rate = step.learning_rate;
    if (update.ndim() >= 2) {
      const mx::Shape shape = update.shape();
      update =
          mx::reshape(orthogonal(mx::reshape(update, {shape[0], -1}), params_.ns_steps), shape);
      const double ratio = static_cast<double>(shape[shape.size() - 2]) / shape.back();
      rate *= std::sqrt(std::max(1.0, ratio));
    }
    return parameter - scalar(rate) * update;
  }

 private:
  model_config::OptimizerParams params_;
};

}  // namespace

std::unique_ptr<Optimizer> make_muon(const model_config::OptimizerParams& params) {
  return std::make_unique<Muon>(params);
}

}  // namespace hub::train

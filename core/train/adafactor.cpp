// Port of mlx/optimizers/optimizers.py › Adafactor.
#include <algorithm>
#include <cmath>

#include <mlx/ops.h>

#include "core/train/optimizers.h"

namespace hub::train {
namespace {

mx::array rms(const mx::array& x) {
  return mx::sqrt(mx::mean(mx::square(x)));
}

class Adafactor final : public Optimizer {
 public:
  explicit Adafactor(const model_config::OptimizerParams& params) : params_(params) {}

 protected:
  // A row and a column of second moments for a matrix [.., rows, columns], else one of each value;
  // then the first moment, where wanted.
  [[nodiscard]] std::vector<mx::array> fresh(const mx::array& parameter) const override {
    std::vector<mx::array> parts;
    if (parameter.ndim() >= 2) {
      mx::Shape row = parameter.shape();
      row.pop_back();
      mx::Shape column = parameter.shape();
      column.erase(column.end() - 2);
      parts = {mx::zeros(row, parameter.dtype()), mx::zeros(column, parameter.dtype())};
    } else {
      parts = {mx::zeros_like(parameter)};
    }
    if (params_.first_moment) {
      parts.push_back(mx::zeros_like(parameter));
    }
    return parts;
  }

  [[nodiscard]] mx::array apply(
      const mx::array& parameter,
      const mx::array& gradient,
      const Step& step,
      std::span<mx::array> own) const override {
    const auto scalar = [&](double value) { return scalar_like(parameter, value); };
    mx::array update = scaled_gradient(gradient, step.number, own);
    update = update / mx::maximum(scalar(1.0), rms(update) / scalar(params_.clip_threshold));
    mx::array rate = scalar(step_size(step));
    if (params_.scale_parameter) {
      rate = rate * mx::maximum(scalar(params_.eps2), rms(parameter));
    }
    update = rate * update;
    if (params_.first_moment) {
      mx::array& m = own.back();
      m = scalar(*params_.first_moment) * m + scalar(1.0 - *params_.first_moment) * update;
      update = m;
    }
    if (step.weight_decay == 0.0) {
      return parameter - update;
    }
    return parameter + parameter * (scalar(-step.weight_decay) * rate) - update;
  }

 private:
  [[nodiscard]] double step_size(const Step& step) const {
    if (!params_.relative_step) {
      return step.learning_rate;
    }
    const double most = params_.warmup_init ? 1e-6 * step.number : 1e-2;
    return std::min(most, 1.0 / std::sqrt(static_cast<double>(step.number)));
  }

  // The gradient over the root of its running second moment.
  [[nodiscard]] mx::array scaled_gradient(
      const mx::array& gradient, int number, std::span<mx::array> own) const {
    const auto scalar = [&](double value) { return scalar_like(gradient, value); };
    const double beta2 = 1.0 - std::pow(static_cast<double>(number), params_.decay_rate);
    const mx::array squares = mx::square(gradient) + scalar(params_.eps1);
    const auto average = [&](const mx::array& old, const mx::array& now) {
      return scalar(beta2) * old + scalar(1.0 - beta2) * now;
    };
    if (gradient.ndim() < 2) {
      own[0] = average(own[0], squares);
      return mx::rsqrt(own[0]) * gradient;
    }
    own[0] = average(own[0], mx::mean(squares, -1));
    own[1] = average(own[1], mx::mean(squares, -2));
    const mx::array rows = mx::rsqrt(own[0] / mx::mean(own[0], -1, true));
    const mx::array columns = mx::rsqrt(own[1]);
    return mx::expand_dims(rows, -1) * mx::expand_dims(columns, -2) * gradient;
  }

  model_config::OptimizerParams params_;
};

}  // namespace

std::unique_ptr<Optimizer> make_adafactor(const model_config::OptimizerParams& params) {
  return std::make_unique<Adafactor>(params);
}

}  // namespace hub::train

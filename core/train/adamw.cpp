#include "core/train/adamw.h"

#include <cmath>
#include <utility>

#include <mlx/compile.h>
#include <mlx/ops.h>

#include "core/tensor/ops.h"

namespace hub::train {

namespace {

// {w, g, m, v, b1, 1 - b1, b2, 1 - b2, 1 - lr decay, rate, shrink, eps} -> {w, m, v} after a step.
std::vector<mx::array> step(const std::vector<mx::array>& in) {
  const mx::array& g = in[1];
  const mx::array m = in[4] * in[2] + in[5] * g;
  const mx::array v = in[6] * in[3] + in[7] * mx::square(g);
  return {in[0] * in[8] - in[9] * m / (mx::sqrt(v) * in[10] + in[11]), m, v};
}

// One kernel instead of a dozen for each parameter on a GPU.
std::vector<mx::array> fused_step(const std::vector<mx::array>& in) {
  if (!tensor::default_device_is_gpu()) {
    return step(in);
  }
  static const auto compiled = mx::compile(step, true);
  return compiled(in);
}

}  // namespace

AdamW::AdamW(AdamWSettings settings, std::span<const mx::array> parameters) : settings_(settings) {
  for (const mx::array& parameter : parameters) {
    first_.push_back(mx::zeros_like(parameter));
    second_.push_back(mx::zeros_like(parameter));
  }
}

std::vector<mx::array> AdamW::update(
    std::span<const mx::array> parameters,
    std::span<const mx::array> gradients,
    double learning_rate) {
  ++updates_;
  double rate = learning_rate;
  double shrink = 1.0;
  if (settings_.bias_correction) {
    rate /= 1.0 - std::pow(settings_.beta1, updates_);
    shrink = 1.0 / std::sqrt(1.0 - std::pow(settings_.beta2, updates_));
  }
  std::vector<mx::array> scalars;
  for (const double value :
       {settings_.beta1,
        1.0 - settings_.beta1,
        settings_.beta2,
        1.0 - settings_.beta2,
        1.0 - (learning_rate * settings_.weight_decay),
        rate,
        shrink,
        settings_.epsilon}) {
    scalars.emplace_back(static_cast<float>(value));
  }
  std::vector<mx::array> updated;
  updated.reserve(parameters.size());
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    std::vector<mx::array> inputs{parameters[i], gradients[i], first_[i], second_[i]};
    inputs.insert(inputs.end(), scalars.begin(), scalars.end());
    const auto results = fused_step(inputs);
    updated.push_back(results[0]);
    first_[i] = results[1];
    second_[i] = results[2];
  }
  return updated;
}

void AdamW::restore(std::vector<mx::array> first, std::vector<mx::array> second, int updates) {
  first_ = std::move(first);
  second_ = std::move(second);
  updates_ = updates;
}

std::vector<mx::array> AdamW::state() const {
  std::vector<mx::array> arrays = first_;
  arrays.insert(arrays.end(), second_.begin(), second_.end());
  return arrays;
}

mx::array global_norm(std::span<const mx::array> gradients) {
  mx::array squares(0.0F);
  for (const mx::array& gradient : gradients) {
    squares = squares + mx::sum(mx::square(tensor::astype(gradient, mx::float32)));
  }
  return mx::sqrt(squares);
}

std::vector<mx::array> clip_by_norm(
    std::span<const mx::array> gradients, const mx::array& norm, float max_norm) {
  const mx::array factor =
      mx::minimum(mx::array(max_norm) / (norm + mx::array(1e-6F)), mx::array(1.0F));
  std::vector<mx::array> clipped;
  clipped.reserve(gradients.size());
  for (const mx::array& gradient : gradients) {
    clipped.push_back(tensor::astype(gradient * factor, gradient.dtype()));
  }
  return clipped;
}

}  // namespace hub::train

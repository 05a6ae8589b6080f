#include "core/train/adamw.h"

#include <cmath>
#include <utility>

#include <mlx/ops.h>

#include "core/tensor/ops.h"

namespace hub::train {

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
  std::vector<mx::array> updated;
  updated.reserve(parameters.size());
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    updated.push_back(update_one(i, parameters[i], gradients[i], learning_rate));
  }
  return updated;
}

mx::array AdamW::update_one(
    std::size_t index,
    const mx::array& parameter,
    const mx::array& gradient,
    double learning_rate) {
  const auto scalar = [&](double value) {
    return mx::array(static_cast<float>(value), parameter.dtype());
  };
  mx::array& m = first_[index];
  mx::array& v = second_[index];
  m = scalar(settings_.beta1) * m + scalar(1.0 - settings_.beta1) * gradient;
  v = scalar(settings_.beta2) * v + scalar(1.0 - settings_.beta2) * mx::square(gradient);

  const mx::array decayed = parameter * scalar(1.0 - learning_rate * settings_.weight_decay);
  if (!settings_.bias_correction) {
    return decayed - scalar(learning_rate) * m / (mx::sqrt(v) + scalar(settings_.epsilon));
  }
  const double correction1 = 1.0 - std::pow(settings_.beta1, updates_);
  const double correction2 = 1.0 - std::pow(settings_.beta2, updates_);
  const double rate = learning_rate / correction1;
  const double shrink = 1.0 / std::sqrt(correction2);
  return decayed - scalar(rate) * m / (mx::sqrt(v) * scalar(shrink) + scalar(settings_.epsilon));
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

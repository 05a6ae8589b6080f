#include "core/train/gradient_sum.h"

#include <numeric>
#include <utility>

#include <mlx/ops.h>
#include <mlx/transforms.h>

#include "core/tensor/ops.h"
#include "core/train/gradient_buckets.h"

namespace hub::train {

void GradientSum::add(
    const LossSum& loss_sum, std::span<const mx::array> parameters, std::size_t tokens) {
  const auto loss_of = [&](const std::vector<mx::array>& traced) {
    const mx::array sum = loss_sum(traced);
    return std::vector<mx::array>{
        by_batch_ ? mx::divide(sum, mx::array(static_cast<float>(tokens))) : sum};
  };
  std::vector<int> all(parameters.size());
  std::iota(all.begin(), all.end(), 0);
  auto [loss, gradients] = mx::value_and_grad(
      loss_of, all)(std::vector<mx::array>(parameters.begin(), parameters.end()));
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    gradients[i] = gradients[i] + parts_[i];
  }
  parts_ = std::move(gradients);
  loss_ = loss_ + loss[0];
  tokens_ += tokens;
  ++batches_;
}

void GradientSum::evaluate() const {
  std::vector<mx::array> arrays = parts_;
  arrays.push_back(loss_);
  mx::eval(arrays);
}

void GradientSum::all_sum(const ProcessGroup& group, std::span<const mx::array> parameters) {
  if (group.size() == 1) {
    return;
  }
  if (parts_.empty()) {
    for (const mx::array& parameter : parameters) {
      parts_.push_back(mx::zeros_like(parameter));
    }
  }
  evaluate();
  std::vector<mx::array> sums = std::exchange(parts_, {});
  sums.push_back(loss_);
  sums = train::all_sum(group, std::move(sums));
  loss_ = sums.back();
  sums.pop_back();
  parts_ = std::move(sums);
  const auto counts =
      group.sum({static_cast<std::int64_t>(tokens_), static_cast<std::int64_t>(batches_)});
  tokens_ = static_cast<std::size_t>(counts[0]);
  batches_ = static_cast<std::size_t>(counts[1]);
}

std::vector<mx::array> GradientSum::take_mean(const ParameterPacking& packing) {
  parts_ = packing.pack(parts_);
  return take_mean();
}

std::vector<mx::array> GradientSum::take_mean() {
  const mx::array factor(1.0F / static_cast<float>(weight()));
  std::vector<mx::array> gradients = std::exchange(parts_, {});
  for (mx::array& gradient : gradients) {
    gradient = tensor::astype(gradient * factor, gradient.dtype());
  }
  return gradients;
}

}  // namespace hub::train

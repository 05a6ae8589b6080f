#include "core/train/gradient_sum.h"

#include <numeric>
#include <utility>

#include <mlx/ops.h>
#include <mlx/transforms.h>

#include "core/tensor/ops.h"

namespace hub::train {

void GradientSum::add(
    const LossSum& loss_sum, std::span<const mx::array> parameters, std::size_t weight) {
  const auto loss_of = [&](const std::vector<mx::array>& traced) {
    const mx::array sums = loss_sum(traced);
    const bool alone = sums.ndim() == 0;
    const mx::array sum = alone ? sums : mx::squeeze(mx::slice(sums, {0}, {1}));
    std::vector<mx::array> outputs{
        by_batch_ ? mx::divide(sum, mx::array(static_cast<float>(weight))) : sum};
    if (!alone) {  // the gradient is the first output's
      outputs.push_back(mx::slice(sums, {1}, sums.shape()));
    }
    return outputs;
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
  if (loss.size() > 1) {
    others_ = others_ ? *others_ + loss[1] : loss[1];
  }
  weight_ += weight;
  ++batches_;
}

void GradientSum::evaluate() const {
  std::vector<mx::array> arrays = parts_;
  arrays.push_back(loss_);
  if (others_) {
    arrays.push_back(*others_);
  }
  mx::eval(arrays);
}

void GradientSum::pack(const ParameterPacking& packing, std::span<const mx::array> parameters) {
  if (parts_.empty()) {
    for (const mx::array& parameter : parameters) {
      parts_.push_back(mx::zeros_like(parameter));
    }
  }
  parts_ = packing.pack(parts_);
}

std::vector<std::int64_t> GradientSum::all_sum(
    const ProcessGroup& group, Evaluation evaluation, std::vector<std::int64_t> alongside) {
  if (group.size() == 1) {
    return alongside;
  }
  const std::size_t own = alongside.size();
  alongside.insert(
      alongside.end(),
      {static_cast<std::int64_t>(weight_),
       static_cast<std::int64_t>(batches_),
       others_ ? 1 : 0,
       others_ ? static_cast<std::int64_t>(others_->size()) : 0});
  std::vector<std::int64_t> counts = group.sum(std::move(alongside));
  const std::span<const std::int64_t> of_sum = std::span(counts).subspan(own);
  if (of_sum[2] > 0 && !others_) {
    others_ = mx::zeros({static_cast<int>(of_sum[3] / of_sum[2])});
  }
  if (evaluation == Evaluation::kAtOnce) {
    evaluate();
  }
  std::vector<mx::array> sums = std::exchange(parts_, {});
  sums.push_back(loss_);
  if (others_) {
    sums.push_back(*others_);
  }
  sums = train::all_sum(group, std::move(sums), evaluation);
  if (others_) {
    others_ = sums.back();
    sums.pop_back();
  }
  loss_ = sums.back();
  sums.pop_back();
  parts_ = std::move(sums);
  weight_ = static_cast<std::size_t>(of_sum[0]);
  batches_ = static_cast<std::size_t>(of_sum[1]);
  counts.resize(own);
  return counts;
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

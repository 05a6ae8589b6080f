#include "core/train/step_plan.h"

#include <algorithm>
#include <utility>

#include "core/data/split.h"
#include "core/train/random_stream.h"

namespace hub::train {
namespace {

constexpr std::size_t kMostSteps = 1'000'000'000;

std::size_t ceil_div(std::size_t a, std::size_t b) {
  return (a + b - 1) / b;
}

}  // namespace

StepPlan::StepPlan(
    std::vector<std::size_t> lengths, const model_config::FinetuneParams& params, int batch_size)
    : lengths_(std::move(lengths)),
      seed_(params.seed),
      batch_size_(static_cast<std::size_t>(batch_size)),
      batches_a_step_(static_cast<std::size_t>(params.grad_accumulation_steps)) {
  const std::size_t an_epoch = ceil_div(ceil_div(lengths_.size(), batch_size_), batches_a_step_);
  steps_an_epoch_ = static_cast<int>(an_epoch);
  const std::size_t all = an_epoch * static_cast<std::size_t>(params.epochs);
  const auto limit =
      static_cast<std::size_t>(params.max_steps.value_or(static_cast<int>(kMostSteps)));
  total_steps_ = static_cast<int>(std::min(all, limit));
}

std::vector<StepBatches> StepPlan::epoch(int index) const {
  const auto number = static_cast<std::uint64_t>(index);
  const auto order = data::epoch_order(lengths_.size(), seed_, number);
  const BatchPlan batches =
      plan_batches(lengths_, order, batch_size_, stream_seed(seed_, kBatchStream, number));
  std::vector<StepBatches> steps;
  for (std::size_t begin = 0; begin < batches.size(); begin += batches_a_step_) {
    const std::size_t end = std::min(batches.size(), begin + batches_a_step_);
    steps.emplace_back(
        batches.begin() + static_cast<std::ptrdiff_t>(begin),
        batches.begin() + static_cast<std::ptrdiff_t>(end));
  }
  return steps;
}

}  // namespace hub::train

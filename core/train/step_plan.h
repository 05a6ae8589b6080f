#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/model_config/finetune_params.h"
#include "core/train/batches.h"

namespace hub::train {

// The batches of one optimizer step.
using StepBatches = BatchPlan;

// Which rows meet in which step. Every epoch has all rows in another order; equal arguments give
// the same plan on every platform.
class StepPlan {
 public:
  // `lengths`: tokens of each row, at least one row.
  StepPlan(
      std::vector<std::size_t> lengths, const model_config::FinetuneParams& params, int batch_size);

  // Of the whole training: all epochs, or max_steps.
  [[nodiscard]] int total_steps() const { return total_steps_; }
  // Every epoch has as many.
  [[nodiscard]] int steps_an_epoch() const { return steps_an_epoch_; }
  // The steps of one epoch, in order; the last may have fewer batches.
  [[nodiscard]] std::vector<StepBatches> epoch(int index) const;

 private:
  std::vector<std::size_t> lengths_;
  std::uint64_t seed_;
  std::size_t batch_size_;
  std::size_t batches_a_step_;
  int steps_an_epoch_;
  int total_steps_;
};

}  // namespace hub::train

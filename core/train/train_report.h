#pragma once

#include <cstdint>
#include <optional>

#include "core/train/evaluate.h"
#include "core/train/rewards.h"

namespace hub::train {

// One line of the loss curve: means over the steps since the last report.
struct StepReport {
  int step = 0;  // updates done
  int total_steps = 0;
  int ranks = 1;            // processes that train together; tokens are all theirs, memory is not
  double train_loss = 0.0;  // over trained tokens, or pairs
  double learning_rate = 0.0;  // of the last update
  double iterations_per_second = 0.0;
  double tokens_per_second = 0.0;        // trained tokens
  double input_tokens_per_second = 0.0;  // prompt and trained, no padding
  std::uint64_t trained_tokens = 0;      // since the start
  double grad_norm = 0.0;                // of the last update, before clipping
  std::uint64_t peak_memory_bytes = 0;
  std::uint64_t active_memory_bytes = 0;  // in arrays, now
  std::uint64_t cache_memory_bytes = 0;   // freed, kept for reuse
  std::optional<Rewards> rewards;         // means over pairs; of preference objectives
};

// A step that was not applied, since its loss or gradient is no finite number.
struct SkippedStep {
  int step = 0;  // its number
  double loss = 0.0;
  double grad_norm = 0.0;
  double learning_rate = 0.0;
  int in_a_row = 0;
  bool rolls_back = false;  // the training returns to its last checkpoint
};

struct EvalReport {
  int step = 0;
  EvalResult result;
};

// Sums since the last report.
struct ReportWindow {
  int steps = 0;
  double loss_sum = 0.0;
  std::uint64_t loss_weight = 0;   // the mean loss is loss_sum / loss_weight
  std::optional<Rewards> rewards;  // sums over pairs
  std::uint64_t trained_tokens = 0;
  std::uint64_t input_tokens = 0;
  double seconds = 0.0;
};

}  // namespace hub::train

#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace hub::train {

enum class TrainEnd : std::uint8_t { kCompleted, kMaxSteps, kEarlyStopping };
std::string_view to_string(TrainEnd end);

struct TrainResult {
  int steps = 0;
  TrainEnd end = TrainEnd::kCompleted;
  int best_step = 0;        // whose parameters are the result: the last, or with early stopping the
                            // step with the lowest evaluation loss
  int skipped_steps = 0;    // whose loss or gradient was no finite number
  double train_loss = 0.0;  // of the last report
  std::optional<double> eval_loss_before;
  std::optional<double> eval_loss_after;  // of the result
  std::uint64_t trained_tokens = 0;
  double seconds = 0.0;  // of all attempts
  std::uint64_t peak_memory_bytes = 0;
};

}  // namespace hub::train

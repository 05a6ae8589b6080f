#pragma once

#include <optional>
#include <vector>

#include <mlx/array.h>

#include "core/model_config/finetune_params.h"

namespace hub::train {

namespace mx = mlx::core;

// Watches the held-out loss: which step was best, and whether it is time to stop.
class BestResult {
 public:
  // What it keeps over a restart.
  struct State {
    int step = 0;                // of the lowest loss
    std::optional<double> loss;  // the lowest
    std::optional<double> gain;  // the loss that a gain must undercut
    int evaluations_without_gain = 0;
    std::vector<mx::array> parameters;  // of the best step; empty: not kept
  };

  explicit BestResult(const model_config::FinetuneParams& params);

  // An evaluation; true when its loss is the lowest so far. It counts as a gain only when it is
  // lower than the last gain by more than early_stopping_min_delta.
  bool observe(int step, double loss, const std::vector<mx::array>& parameters);

  [[nodiscard]] bool patience_is_over() const;
  [[nodiscard]] const State& state() const { return state_; }
  void restore(State state);

 private:
  std::optional<int> patience_;
  double min_delta_;
  State state_;
};

}  // namespace hub::train

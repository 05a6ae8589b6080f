#pragma once

#include <cstdint>

#include "core/model_config/finetune_params.h"

namespace hub::train {

// Decides what becomes of a step whose loss or gradient is no finite number: it is skipped; after
// `nonfinite_patience` in a row the training goes back to its last checkpoint with a lower learning
// rate, `nonfinite_rollbacks` times; then it fails.
class DivergenceGuard {
 public:
  enum class Verdict : std::uint8_t { kGood, kSkip, kRollBack, kFail };
  // What it keeps over a restart.
  struct State {
    int in_a_row = 0;  // bad steps
    int skipped = 0;   // bad steps, all of them
    int rollbacks = 0;
    double rate_factor = 1.0;  // of the schedule's learning rate
  };

  explicit DivergenceGuard(const model_config::FinetuneParams& params);

  // What to do with a step of this loss and gradient norm; counts it.
  Verdict look(double loss, double norm);
  // The training is at its last checkpoint again.
  void rolled_back();

  [[nodiscard]] int patience() const { return patience_; }
  [[nodiscard]] const State& state() const { return state_; }
  void restore(const State& state) { state_ = state; }

 private:
  int patience_;
  int most_rollbacks_;
  double lr_factor_;
  State state_;
};

}  // namespace hub::train

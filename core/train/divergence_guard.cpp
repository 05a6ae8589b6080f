#include "core/train/divergence_guard.h"

#include <cmath>

namespace hub::train {

DivergenceGuard::DivergenceGuard(const model_config::FinetuneParams& params)
    : patience_(params.nonfinite_patience),
      most_rollbacks_(params.nonfinite_rollbacks),
      lr_factor_(params.rollback_lr_factor) {}

DivergenceGuard::Verdict DivergenceGuard::look(double loss, double norm) {
  if (std::isfinite(loss) && std::isfinite(norm)) {
    state_.in_a_row = 0;
    return Verdict::kGood;
  }
  ++state_.skipped;
  ++state_.in_a_row;
  if (state_.in_a_row < patience_) {
    return Verdict::kSkip;
  }
  return state_.rollbacks < most_rollbacks_ ? Verdict::kRollBack : Verdict::kFail;
}

void DivergenceGuard::rolled_back() {
  ++state_.rollbacks;
  state_.in_a_row = 0;
  state_.rate_factor *= lr_factor_;
}

}  // namespace hub::train

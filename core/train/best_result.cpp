#include "core/train/best_result.h"

#include <utility>

namespace hub::train {

BestResult::BestResult(const model_config::FinetuneParams& params)
    : patience_(params.early_stopping_patience), min_delta_(params.early_stopping_min_delta) {}

bool BestResult::observe(int step, double loss, const std::vector<mx::array>& parameters) {
  if (!state_.gain || loss < *state_.gain - min_delta_) {
    state_.gain = loss;
    state_.evaluations_without_gain = 0;
  } else {
    ++state_.evaluations_without_gain;
  }
  if (state_.loss && loss >= *state_.loss) {
    return false;
  }
  state_.step = step;
  state_.loss = loss;
  if (patience_) {
    state_.parameters = parameters;
  }
  return true;
}

bool BestResult::patience_is_over() const {
  return patience_ && state_.evaluations_without_gain >= *patience_;
}

void BestResult::restore(State state) {
  state_ = std::move(state);
}

}  // namespace hub::train

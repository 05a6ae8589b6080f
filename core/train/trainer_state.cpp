#include <utility>

#include <fmt/format.h>

#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/train/packed.h"
#include "core/train/trainer.h"

// What a Trainer keeps over a restart (train_state.h).
namespace hub::train {

void Trainer::restore(TrainState state) {
  bool fits = state.parameters.size() == adapter_.parameters.size() &&
              state.batch_size == batch_size_ && state.step <= total_steps_;
  for (std::size_t i = 0; fits && i < state.parameters.size(); ++i) {
    fits = state.parameters[i].shape() == adapter_.parameters[i].shape();
  }
  if (!fits) {
    throw base::Error(
        base::ErrorCode::kUnprocessable,
        fmt::format(
            "the saved training has {} arrays, batch size {} and is at step {}; this one has {} "
            "arrays, batch size {} and {} steps",
            state.parameters.size(),
            state.batch_size,
            state.step,
            adapter_.parameters.size(),
            batch_size_,
            total_steps_),
        {},
        "bad_training_state");
  }
  adapter_.parameters = std::move(state.parameters);
  optimizer_.restore(packed(state.first), packed(state.second), state.updates);
  prepared_.reset();
  best_parameters_ = std::move(state.best);
  step_ = state.step;
  dropout_draws_ = state.dropout_draws;
  learning_rate_ = state.learning_rate;
  grad_norm_ = state.grad_norm;
  window_ = state.window;
  result_ = state.result;
  seconds_before_ = state.result.seconds;
  evaluated_step_ = state.evaluated_step;
  evaluations_without_gain_ = state.evaluations_without_gain;
  best_loss_ = state.best_loss;
}

TrainState Trainer::state() const {
  TrainState state;
  state.batch_size = batch_size_;
  state.step = step_;
  state.dropout_draws = dropout_draws_;
  state.updates = optimizer_.updates();
  state.learning_rate = learning_rate_;
  state.grad_norm = grad_norm_;
  state.window = window_;
  state.result = result_;
  state.result.seconds = seconds_before_ + base::steady_seconds() - started_;
  state.evaluated_step = evaluated_step_;
  state.evaluations_without_gain = evaluations_without_gain_;
  state.best_loss = best_loss_;
  state.parameters = adapter_.parameters;
  state.first = unpacked(optimizer_.first(), adapter_.parameters);
  state.second = unpacked(optimizer_.second(), adapter_.parameters);
  state.best = best_parameters_;
  return state;
}

}  // namespace hub::train

#include "core/train/trainer.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <mlx/ops.h>

#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/tensor/ops.h"

namespace hub::train {

std::string_view to_string(TrainEnd end) {
  switch (end) {
    case TrainEnd::kCompleted:
      return "completed";
    case TrainEnd::kMaxSteps:
      return "max_steps";
    case TrainEnd::kEarlyStopping:
      return "early_stopping";
  }
  return "completed";
}

void Trainer::save_checkpoint() const {
  if (hooks_.checkpoint) {
    hooks_.checkpoint(state(), *trained_);
  }
}

TrainResult Trainer::run() {
  started_ = base::steady_seconds();
  tensor::reset_peak_memory();
  const auto count = [](std::size_t rows) { return static_cast<std::int64_t>(rows); };
  group_.need_equal(
      {step_, total_steps(), batch_size_, count(data_.train.size()), count(data_.valid.size())},
      "step, total steps, batch size, rows and held-out rows");
  if (step_ == 0 || due(params_.eval_every)) {
    run_evaluation();
  }
  while (step_ < total_steps() && !best_.patience_is_over()) {
    step(next_batches());
    if (due(params_.report_every) || step_ == total_steps()) {
      report();
    }
    if (due(params_.eval_every)) {
      run_evaluation();
    }
    // What follows a bad step may be bad, too: not worth returning to.
    if (due(params_.save_every) && guard_.state().in_a_row == 0) {
      save_checkpoint();
    }
  }
  finish();
  result_.seconds = seconds_before_ + base::steady_seconds() - started_;
  return result_;
}

const StepBatches& Trainer::next_batches() {
  const int epoch = step_ / plan_.steps_an_epoch();
  if (epoch != planned_epoch_) {
    epoch_steps_ = plan_.epoch(epoch);
    planned_epoch_ = epoch;
  }
  return epoch_steps_.at(static_cast<std::size_t>(step_ % plan_.steps_an_epoch()));
}

void Trainer::ask() {
  while (hooks_.poll) {
    switch (hooks_.poll(step_)) {
      case Command::kContinue:
        return;
      case Command::kCheckpoint:
        save_checkpoint();
        break;  // asks again: it may have been paused all the while
      case Command::kStop:
        throw base::Error(
            base::ErrorCode::kCancelled,
            fmt::format("the training was stopped after step {} of {}", step_, total_steps()));
    }
  }
}

void Trainer::handle_bad_step(DivergenceGuard::Verdict verdict, double loss, double norm) {
  std::optional<TrainState> checkpoint;
  if (verdict == DivergenceGuard::Verdict::kRollBack && hooks_.last_checkpoint) {
    checkpoint = hooks_.last_checkpoint();
    group_.need_equal({checkpoint ? checkpoint->step : -1}, "step of the last checkpoint");
  }
  if (hooks_.skipped) {
    hooks_.skipped(
        {.step = step_ + 1,
         .loss = loss,
         .grad_norm = norm,
         .learning_rate = learning_rate_,
         .in_a_row = guard_.state().in_a_row,
         .rolls_back = checkpoint.has_value()});
  }
  if (checkpoint) {
    roll_back(std::move(*checkpoint));
  } else if (verdict != DivergenceGuard::Verdict::kSkip) {
    fail_diverged(loss, norm);
  }
}

void Trainer::roll_back(TrainState state) {
  guard_.rolled_back();
  const DivergenceGuard::State guard = guard_.state();
  const double seconds = seconds_before_;
  go_to(std::move(state));
  guard_.restore(guard);  // it remembers what the checkpoint did not know
  seconds_before_ = seconds;
  rolled_back_ = true;
  say(fmt::format(
      "goes back to step {} with the learning rate times {:g}", step_, guard.rate_factor));
}

void Trainer::fail_diverged(double loss, double norm) const {
  throw base::Error(
      base::ErrorCode::kUnprocessable,
      fmt::format(
          "the training diverged at step {} of {}: loss {}, gradient norm {}, learning rate {:g}, "
          "in {} steps in a row after {} returns to a checkpoint; a lower params.learning_rate or "
          "params.max_grad_norm may help",
          step_ + 1,
          total_steps(),
          loss,
          norm,
          learning_rate_,
          guard_.state().in_a_row,
          guard_.state().rollbacks),
      "params.learning_rate",
      "training_diverged");
}

void Trainer::report() {
  if (window_.steps == 0) {
    return;
  }
  const double seconds = std::max(window_.seconds, 1e-9);
  result_.trained_tokens += window_.trained_tokens;
  result_.train_loss = window_.loss_sum / static_cast<double>(window_.loss_weight);
  const tensor::Memory memory = tensor::memory();
  result_.peak_memory_bytes = memory.peak;
  if (hooks_.reported) {
    StepReport report;
    report.step = step_;
    report.total_steps = total_steps();
    report.train_loss = result_.train_loss;
    report.learning_rate = learning_rate_;
    report.iterations_per_second = window_.steps / seconds;
    report.tokens_per_second = static_cast<double>(window_.trained_tokens) / seconds;
    report.input_tokens_per_second = static_cast<double>(window_.input_tokens) / seconds;
    report.trained_tokens = result_.trained_tokens;
    report.ranks = group_.size();
    report.grad_norm = grad_norm_;
    report.peak_memory_bytes = memory.peak;
    report.active_memory_bytes = memory.active;
    report.cache_memory_bytes = memory.cache;
    if (window_.rewards) {
      report.rewards = window_.rewards->mean(static_cast<double>(window_.loss_weight));
    }
    hooks_.reported(report);
  }
  window_ = {};
}

void Trainer::run_evaluation() {
  if (params_.eval_every <= 0 || evaluated_step_ == step_) {
    return;
  }
  const PlacedModel placed = trained_->place(model_, trained_->parameters, std::nullopt);
  const auto keep_going = [this](std::size_t /*rows_done*/) {
    ask();
    return true;
  };
  if (hooks_.sample) {
    hooks_.sample(step_, placed, keep_going);
  }
  if (data_.valid.empty()) {
    evaluated_step_ = step_;
    return;
  }
  const EvalResult evaluated = evaluate(placed, *held_out_, batch_size_, keep_going, group_);
  evaluated_step_ = step_;  // only now: a checkpoint on the way begins it anew
  if (step_ == 0) {
    result_.eval_loss_before = evaluated.loss;
  }
  result_.eval_loss_after = evaluated.loss;
  const bool is_best = best_.observe(step_, evaluated.loss, trained_->parameters);
  if (is_best && params_.save_best && hooks_.best) {
    hooks_.best(step_, *trained_);
  }
  if (hooks_.evaluated) {
    hooks_.evaluated({step_, evaluated});
  }
}

void Trainer::finish() {
  const bool stopped_early = best_.patience_is_over();
  report();
  run_evaluation();
  if (stopped_early) {
    result_.end = TrainEnd::kEarlyStopping;
  } else if (params_.max_steps && step_ == *params_.max_steps) {
    result_.end = TrainEnd::kMaxSteps;
  }
  const BestResult::State& best = best_.state();
  if (!best.parameters.empty()) {
    trained_->parameters = best.parameters;
    result_.eval_loss_after = best.loss;
    result_.best_step = best.step;
  } else {
    result_.best_step = step_;
  }
  result_.steps = step_;
  result_.skipped_steps = guard_.state().skipped;
  result_.peak_memory_bytes = tensor::memory().peak;
  if (hooks_.finished) {
    hooks_.finished(step_, *trained_);
  }
}

void Trainer::say(const std::string& message) const {
  if (hooks_.log) {
    hooks_.log(message);
  }
}

}  // namespace hub::train

#include "core/train/trainer.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <mlx/ops.h>
#include <mlx/random.h>
#include <mlx/transforms.h>

#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/tensor/ops.h"
#include "core/train/gradient_clip.h"
#include "core/train/random_stream.h"

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

void Trainer::step(const StepBatches& batches) {
  GradientSum sum(params_.compat);
  std::optional<Prepared> prepared = std::exchange(prepared_, std::nullopt);
  std::size_t input_tokens = 0;
  std::size_t trained_tokens = 0;
  int draws = 0;
  double seconds = 0.0;
  for (const auto& indices : batches) {
    ask();  // may wait: not counted as time of training
    const double start = base::steady_seconds();
    if (prepared && prepared->batches == batches) {
      sum = std::move(prepared->sum);
      input_tokens = prepared->input_tokens;
      trained_tokens = prepared->trained_tokens;
    } else if (const auto own = group_.own_rows(indices); !own.empty()) {
      const LossBatch batch = objective_->batch(own);
      add_batch(sum, trained_->parameters, batch, dropout_draws_ + draws);
      input_tokens += batch.input_tokens;
      trained_tokens += batch.trained_tokens;
    }
    draws += trained_->dropout > 0.0F ? 1 : 0;
    if (batches.size() > 1) {  // frees this batch's activations before the next one's are made
      sum.evaluate();
    }
    seconds += base::steady_seconds() - start;
  }
  const double start = base::steady_seconds();
  const auto counts = group_.sum(
      std::vector{
          static_cast<std::int64_t>(input_tokens), static_cast<std::int64_t>(trained_tokens)});
  input_tokens = static_cast<std::size_t>(counts[0]);
  trained_tokens = static_cast<std::size_t>(counts[1]);
  const bool applied = update(sum);
  if (!applied && rolled_back_) {
    rolled_back_ = false;
    return;
  }
  ++step_;
  dropout_draws_ += draws;
  clear_cache(input_tokens);
  if (!applied) {
    return;
  }
  ++window_.steps;
  window_.input_tokens += input_tokens;
  window_.loss_sum += static_cast<double>(mx::array(sum.loss()).item<float>());
  window_.loss_weight += sum.weight();
  window_.trained_tokens += trained_tokens;
  if (sum.others()) {
    window_.rewards = window_.rewards.value_or(Rewards{});
    window_.rewards->add(sum.others()->data<float>());
  }
  window_.seconds += seconds + base::steady_seconds() - start;
}

void Trainer::clear_cache(std::size_t input_tokens) {
  tokens_since_clear_ += input_tokens;
  if (params_.clear_cache_tokens > 0 &&
      tokens_since_clear_ >= static_cast<std::uint64_t>(params_.clear_cache_tokens)) {
    tensor::clear_cache();
    tokens_since_clear_ = 0;
  }
}

void Trainer::add_batch(
    GradientSum& sum,
    std::span<const mx::array> parameters,
    const LossBatch& batch,
    int draw) const {
  std::optional<mx::array> dropout_key;
  if (trained_->dropout > 0.0F) {
    const auto of_rank = (static_cast<std::int64_t>(draw) * group_.size()) + group_.rank();
    dropout_key = mx::random::key(
        stream_seed(params_.seed, kDropoutStream, static_cast<std::uint64_t>(of_rank)));
  }
  const auto loss_sum = [&](const std::vector<mx::array>& traced) {
    PlacedModel placed = trained_->place(model_, traced, dropout_key);
    placed.adapter.recompute = params_.grad_checkpoint;
    return batch.sums(placed);
  };
  sum.add(loss_sum, parameters, batch.weight);
}

bool Trainer::update(GradientSum& sum) {
  sum.all_sum(group_, trained_->parameters);
  std::vector<mx::array> gradients = sum.take_mean(packing_);
  mx::array norm = global_norm(gradients);
  if (params_.max_grad_norm > 0.0) {
    gradients = clip_by_norm(gradients, norm, static_cast<float>(params_.max_grad_norm));
  }
  learning_rate_ = schedule_.at(optimizer_->updates()) * guard_.state().rate_factor;
  std::vector<mx::array> updated;
  std::vector<mx::array> state_before;
  std::vector<mx::array> outputs;
  if (builds_ahead_) {
    state_before = optimizer_->state();
    updated = apply(gradients, outputs);
  } else {
    outputs = gradients;
  }
  outputs.push_back(sum.loss());
  outputs.push_back(norm);
  if (sum.others()) {
    outputs.push_back(*sum.others());
  }
  if (builds_ahead_) {
    mx::async_eval(outputs);
    prepare_next(updated);
  }
  mx::eval(outputs);
  outputs.clear();
  // Where the last bit depends on the rank, all must still decide alike.
  grad_norm_ = group_.first(static_cast<double>(norm.item<float>()));
  const auto loss = group_.first(static_cast<double>(mx::array(sum.loss()).item<float>()));
  if (const auto verdict = guard_.look(loss, grad_norm_);
      verdict != DivergenceGuard::Verdict::kGood) {
    if (builds_ahead_) {
      prepared_.reset();
      optimizer_->restore(std::move(state_before), optimizer_->updates() - 1);
    }
    handle_bad_step(verdict, loss / static_cast<double>(sum.weight()), grad_norm_);
    return false;
  }
  if (!builds_ahead_) {
    updated = apply(gradients, outputs);
    gradients.clear();
    mx::eval(outputs);
  }
  trained_->parameters = std::move(updated);
  return true;
}

std::vector<mx::array> Trainer::apply(
    const std::vector<mx::array>& gradients, std::vector<mx::array>& outputs) {
  const auto updated =
      optimizer_->update(packing_.pack(trained_->parameters), gradients, learning_rate_);
  outputs.insert(outputs.end(), updated.begin(), updated.end());
  const auto& kept = optimizer_->state();
  outputs.insert(outputs.end(), kept.begin(), kept.end());
  return packing_.unpack(updated);
}

// A step of several batches evaluates between them, and dropout counts draws.
void Trainer::prepare_next(const std::vector<mx::array>& parameters) {
  const int next = step_ + 1;
  const int place = next % plan_.steps_an_epoch();
  if (next >= total_steps() || place == 0 || trained_->dropout > 0.0F) {
    return;
  }
  const StepBatches& batches = epoch_steps_.at(static_cast<std::size_t>(place));
  if (batches.size() != 1) {
    return;
  }
  const auto own = group_.own_rows(batches.front());
  if (own.empty()) {
    return;
  }
  const LossBatch batch = objective_->batch(own);
  Prepared ahead{
      batches, GradientSum(params_.compat), batch.input_tokens, batch.trained_tokens};
  add_batch(ahead.sum, parameters, batch, 0);
  prepared_ = std::move(ahead);
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

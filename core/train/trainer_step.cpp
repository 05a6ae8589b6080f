// One step of a Trainer: batches, gradient, update.
#include <algorithm>
#include <exception>
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
#include "core/train/trainer.h"

namespace hub::train {

Trainer::Gathered Trainer::gather(const StepBatches& batches) {
  Gathered result{.sum = GradientSum(params_.compat)};
  std::optional<Prepared> prepared = std::exchange(prepared_, std::nullopt);
  const auto part = static_cast<std::size_t>(rows_at_once_);
  for (const auto& indices : batches) {
    ask();  // may wait: not counted as time of training
    const double start = base::steady_seconds();
    if (prepared && prepared->batches == batches) {
      result.sum = std::move(prepared->sum);
      result.input_tokens = prepared->input_tokens;
      result.trained_tokens = prepared->trained_tokens;
      result.seconds += base::steady_seconds() - start;
      continue;
    }
    const auto own = group_.own_rows(indices);
    for (std::size_t begin = 0; begin < own.size(); begin += part) {
      const LossBatch batch =
          objective_->batch(std::span(own).subspan(begin, std::min(part, own.size() - begin)));
      add_batch(result.sum, trained_->parameters, batch, dropout_draws_ + result.draws);
      result.draws += trained_->dropout > 0.0F ? 1 : 0;
      result.input_tokens += batch.input_tokens;
      result.trained_tokens += batch.trained_tokens;
      // Frees this batch's activations before the next one's are made.
      if (batches.size() > 1 || own.size() > part || !builds_ahead_) {
        result.sum.evaluate();
      }
    }
    if (own.empty()) {
      result.draws += trained_->dropout > 0.0F ? 1 : 0;
    }
    result.seconds += base::steady_seconds() - start;
  }
  return result;
}

bool Trainer::take_fewer_rows() {
  // Other ranks would wait for ever, and by_batch a part would count as a batch.
  if (rows_at_once_ <= 1 || group_.size() > 1 || params_.compat) {
    return false;
  }
  rows_at_once_ /= 2;
  tensor::clear_cache();
  say(fmt::format(
      "memory ran out in step {}: it is done again with {} rows at once, and so are the next ones; "
      "updates stay the same",
      step_ + 1,
      rows_at_once_));
  return true;
}

void Trainer::step(const StepBatches& batches) {
  while (true) {
    try {
      try_step(batches);
      return;
    } catch (const std::exception& error) {
      if (!tensor::is_out_of_memory(error) || !take_fewer_rows()) {
        throw;
      }
    }
  }
}

void Trainer::try_step(const StepBatches& batches) {
  Gathered gathered = gather(batches);
  for (const auto& indices : batches) {
    objective_->share(indices, group_);
  }
  const double start = base::steady_seconds();
  const bool applied = update(gathered);
  if (!applied && rolled_back_) {
    rolled_back_ = false;
    return;
  }
  ++step_;
  dropout_draws_ += gathered.draws;
  clear_cache(gathered.input_tokens);
  if (!applied) {
    return;
  }
  const GradientSum& sum = gathered.sum;
  ++window_.steps;
  window_.input_tokens += gathered.input_tokens;
  window_.loss_sum += static_cast<double>(mx::array(sum.loss()).item<float>());
  window_.loss_weight += sum.weight();
  window_.trained_tokens += gathered.trained_tokens;
  if (sum.others()) {
    window_.rewards = window_.rewards.value_or(Rewards{});
    window_.rewards->add(sum.others()->data<float>());
  }
  window_.seconds += gathered.seconds + base::steady_seconds() - start;
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

bool Trainer::update(Gathered& gathered) {
  GradientSum& sum = gathered.sum;
  sum.pack(packing_, trained_->parameters);
  const auto counts = sum.all_sum(
      group_,
      builds_ahead_ ? Evaluation::kLater : Evaluation::kAtOnce,
      {static_cast<std::int64_t>(gathered.input_tokens),
       static_cast<std::int64_t>(gathered.trained_tokens)});
  gathered.input_tokens = static_cast<std::size_t>(counts[0]);
  gathered.trained_tokens = static_cast<std::size_t>(counts[1]);
  std::vector<mx::array> gradients = sum.take_mean();
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
  if (const auto message = buffers_.before_evaluation(outputs)) {
    say(*message);
  }
  try {
    if (builds_ahead_) {
      mx::async_eval(outputs);
      prepare_next(updated);
    }
    mx::eval(outputs);
  } catch (...) {  // memory may have run out: nothing of this step has happened
    undo_ahead(std::move(state_before));
    throw;
  }
  outputs.clear();
  // Where the last bit depends on the rank, all must still decide alike.
  const auto measured = group_.first(
      {static_cast<double>(norm.item<float>()),
       static_cast<double>(mx::array(sum.loss()).item<float>())});
  grad_norm_ = measured[0];
  const double loss = measured[1];
  if (const auto verdict = guard_.look(loss, grad_norm_);
      verdict != DivergenceGuard::Verdict::kGood) {
    undo_ahead(std::move(state_before));
    handle_bad_step(verdict, loss / static_cast<double>(sum.weight()), grad_norm_);
    return false;
  }
  if (!builds_ahead_) {
    updated = apply(gradients, outputs);
    gradients.clear();
    try {
      mx::eval(outputs);
    } catch (const std::exception& error) {
      if (!tensor::is_out_of_memory(error)) {
        throw;
      }
      throw base::Error(  // fewer rows would not help
          base::ErrorCode::kInsufficientMemory,
          fmt::format("no memory is left for the optimizer's update: {}", error.what()),
          "params.optimizer",
          "insufficient_memory");
    }
  }
  trained_->parameters = std::move(updated);
  return true;
}

void Trainer::undo_ahead(std::vector<mx::array> state_before) {
  if (builds_ahead_) {
    prepared_.reset();
    optimizer_->restore(std::move(state_before), optimizer_->updates() - 1);
  }
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
  if (own.empty() || own.size() > static_cast<std::size_t>(rows_at_once_)) {
    return;
  }
  const LossBatch batch = objective_->batch(own);
  Prepared ahead{batches, GradientSum(params_.compat), batch.input_tokens, batch.trained_tokens};
  add_batch(ahead.sum, parameters, batch, 0);
  prepared_ = std::move(ahead);
}

}  // namespace hub::train

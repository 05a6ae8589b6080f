// How a Trainer begins: from its arguments, and from what an earlier attempt kept (train_state.h).
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/tensor/ops.h"
#include "core/train/trainer.h"
#include "core/train/weight_decay.h"

namespace hub::train {
namespace {

constexpr int kMlxLmPadding = 32;

// On a GPU few distinct shapes save compilations and buffers; on a CPU padding costs its full time.
BatchShape batch_shape(const model_config::FinetuneParams& params) {
  BatchShape shape{.max_tokens = params.max_seq_length, .compat = params.compat};
  if (params.compat) {
    shape.pad_multiple = kMlxLmPadding;
  } else if (tensor::default_device_is_gpu()) {
    shape.pad_multiple = 32;
    shape.long_pad_multiple = 128;
  } else {
    shape.pad_multiple = 8;
  }
  return shape;
}

// The rows, or pairs, that have a trained token in each sequence after the cut.
data::Examples trainable(data::Examples rows, int max_tokens) {
  std::vector<std::size_t> kept;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    data::RowCounts counts = rows.counts(i);
    if (counts.longest() > static_cast<std::size_t>(max_tokens)) {
      const data::Example row = rows.get(i);
      counts.trained = trained_count(row, max_tokens);
      counts.rejected_trained = row.rejected ? trained_count(*row.rejected, max_tokens) : 0;
    }
    if (counts.trained > 0 && (counts.rejected_tokens == 0 || counts.rejected_trained > 0)) {
      kept.push_back(i);
    }
  }
  if (kept.size() < rows.size()) {
    rows = rows.pick(kept);
  }
  return rows;
}

std::vector<std::size_t> lengths_of(const data::Examples& rows, int max_tokens) {
  std::vector<std::size_t> lengths;
  lengths.reserve(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    lengths.push_back(std::min(rows.counts(i).longest(), static_cast<std::size_t>(max_tokens)));
  }
  return lengths;
}

void need_rows(const TrainData& data, std::size_t rows, int max_tokens) {
  if (data.train.empty()) {
    throw base::Error(
        base::ErrorCode::kUnprocessable,
        fmt::format(
            "none of the {} rows has a trained token within max_seq_length {}", rows, max_tokens),
        "dataset",
        "no_trained_tokens");
  }
}

}  // namespace

Trainer::Trainer(
    const models::LanguageModel& model,
    std::unique_ptr<Trainable> trained,
    TrainData data,
    model_config::FinetuneParams params,
    int batch_size,
    TrainHooks hooks,
    ProcessGroup group)
    : model_(model),
      trained_(std::move(trained)),
      params_(std::move(params)),
      group_(std::move(group)),
      batch_size_(batch_size),
      shape_(batch_shape(params_)),
      hooks_(std::move(hooks)),
      rows_given_(data.train.size()),
      data_{
          trainable(std::move(data.train), params_.max_seq_length),
          trainable(std::move(data.valid), params_.max_seq_length)},
      plan_(lengths_of(data_.train, params_.max_seq_length), params_, batch_size_ * group_.size()),
      schedule_(params_, plan_.total_steps()),
      packing_(
          trained_->parameters,
          weight_decays(params_, trained_->names(), trained_->parameters),
          tensor::default_device_is_gpu() && updates_each_value_alone(params_.optimizer)),
      optimizer_(make_optimizer(
          params_.optimizer, packing_.pack(trained_->parameters), packing_.decays())),
      builds_ahead_(tensor::default_device_is_gpu() && params_.method != "full"),
      buffers_(hooks_.buffer_limit),
      rows_at_once_(batch_size_),
      best_(params_),
      guard_(params_) {
  need_rows(data_, rows_given_, params_.max_seq_length);
  const auto start = [this] { return trained_->place(model_, trained_->parameters, std::nullopt); };
  objective_ = make_objective(params_, data_.train, shape_, start);
  held_out_ = make_objective(params_, data_.valid, shape_, start);
  if (data_.train.size() < rows_given_) {
    say(fmt::format(
        "{} of {} rows have no trained token within max_seq_length {} and are left out",
        rows_given_ - data_.train.size(),
        rows_given_,
        params_.max_seq_length));
  }
  if (params_.early_stopping_patience && (data_.valid.empty() || params_.eval_every == 0)) {
    say("early_stopping_patience has no effect: no held-out rows are evaluated");
  }
}

// Whether a state has the log-probabilities of the rows that it is to go on with.
bool Trainer::fit(const std::vector<mx::array>& references) const {
  std::size_t wanted = 0;
  for (const auto* objective : {objective_.get(), held_out_.get()}) {
    if (objective->references()) {
      const mx::Shape shape{static_cast<int>(objective->rows().size()), 2};
      if (wanted >= references.size() || references[wanted].shape() != shape) {
        return false;
      }
      ++wanted;
    }
  }
  return references.size() == wanted;
}

void Trainer::restore(TrainState state) {
  bool fits = state.parameters.size() == trained_->parameters.size() &&
              state.batch_size == batch_size_ && state.step <= total_steps() &&
              state.optimizer == params_.optimizer.name && fit(state.references);
  for (std::size_t i = 0; fits && i < state.parameters.size(); ++i) {
    fits = state.parameters[i].shape() == trained_->parameters[i].shape();
  }
  if (!fits) {
    throw base::Error(
        base::ErrorCode::kUnprocessable,
        fmt::format(
            "the saved training has {} arrays, batch size {}, optimizer {} and is at step {}; this "
            "one has {} arrays, batch size {}, optimizer {} and {} steps",
            state.parameters.size(),
            state.batch_size,
            state.optimizer,
            state.step,
            trained_->parameters.size(),
            batch_size_,
            params_.optimizer.name,
            total_steps()),
        {},
        "bad_training_state");
  }
  go_to(std::move(state));
}

void Trainer::go_to(TrainState state) {
  prepared_.reset();
  optimizer_->restore(packing_.pack_state(state.moments), state.updates);
  trained_->parameters = std::move(state.parameters);
  best_.restore(std::move(state.best));
  guard_.restore(state.guard);
  auto references = state.references.begin();
  for (auto* objective : {objective_.get(), held_out_.get()}) {
    if (objective->references()) {
      objective->restore(*references++);
    }
  }
  tokens_since_clear_ = state.tokens_since_clear;
  step_ = state.step;
  dropout_draws_ = state.dropout_draws;
  rows_at_once_ =
      std::min(rows_at_once_, state.rows_at_once);  // memory did not come back by itself
  learning_rate_ = state.learning_rate;
  grad_norm_ = state.grad_norm;
  window_ = state.window;
  result_ = state.result;
  seconds_before_ = state.result.seconds;
  evaluated_step_ = state.evaluated_step;
}

TrainState Trainer::state() const {
  TrainState state;
  state.batch_size = batch_size_;
  state.step = step_;
  state.dropout_draws = dropout_draws_;
  state.rows_at_once = rows_at_once_;
  state.optimizer = params_.optimizer.name;
  state.updates = optimizer_->updates();
  state.learning_rate = learning_rate_;
  state.grad_norm = grad_norm_;
  state.window = window_;
  state.result = result_;
  state.result.seconds = seconds_before_ + base::steady_seconds() - started_;
  state.evaluated_step = evaluated_step_;
  state.best = best_.state();
  state.guard = guard_.state();
  state.tokens_since_clear = tokens_since_clear_;
  state.parameters = trained_->parameters;
  state.moments = packing_.unpack_state(optimizer_->state());
  for (const auto* objective : {objective_.get(), held_out_.get()}) {
    if (auto references = objective->references()) {
      state.references.push_back(*std::move(references));
    }
  }
  return state;
}

}  // namespace hub::train

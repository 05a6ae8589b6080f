#include "core/train/trainer.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include <fmt/format.h>
#include <mlx/ops.h>
#include <mlx/random.h>
#include <mlx/transforms.h>

#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/data/split.h"
#include "core/tensor/ops.h"
#include "core/train/loss.h"
#include "core/train/packed.h"

namespace hub::train {
namespace {

// Streams of chance from the one seed of a job, besides the order of rows.
constexpr std::uint64_t kBatchStream = 0x6261746368ULL;        // "batch"
constexpr std::uint64_t kDropoutStream = 0x64726f706f7574ULL;  // "dropout"

std::uint64_t stream_seed(std::uint64_t seed, std::uint64_t stream, std::uint64_t index) {
  return (seed * 0x9e3779b97f4a7c15ULL) ^ (stream + (index * 0xbf58476d1ce4e5b9ULL));
}

// On a GPU few distinct shapes save compilations and buffers; on a CPU padding costs its full time.
BatchShape batch_shape(int max_tokens) {
  BatchShape shape{.max_tokens = max_tokens, .pad_multiple = 8};
  if (tensor::default_device_is_gpu()) {
    shape.pad_multiple = 32;
    shape.long_pad_multiple = 128;
  }
  return shape;
}

std::vector<data::Example> with_trained_tokens(std::vector<data::Example> rows, int max_tokens) {
  std::erase_if(
      rows, [&](const data::Example& row) { return trained_count(row, max_tokens) == 0; });
  return rows;
}

AdamWSettings adamw_settings(const model_config::FinetuneParams& params) {
  AdamWSettings settings;
  settings.weight_decay = params.weight_decay;
  return settings;
}

int count_steps(
    const model_config::FinetuneParams& params, std::size_t rows, std::size_t batch_size) {
  const auto ceil_div = [](std::size_t a, std::size_t b) { return (a + b - 1) / b; };
  const std::size_t an_epoch = ceil_div(
      ceil_div(rows, batch_size), static_cast<std::size_t>(params.grad_accumulation_steps));
  const std::size_t all = an_epoch * static_cast<std::size_t>(params.epochs);
  const auto limit = static_cast<std::size_t>(params.max_steps.value_or(1'000'000'000));
  return static_cast<int>(std::min(all, limit));
}

void check_settings(const model_config::FinetuneParams& params) {
  if (params.method != "lora") {
    throw base::Error(
        base::ErrorCode::kNotImplemented,
        "method must be lora, got \"" + params.method + "\"",
        "params.method");
  }
}

}  // namespace

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

Trainer::Trainer(
    const models::LanguageModel& model,
    TrainableAdapter adapter,
    TrainData data,
    model_config::FinetuneParams params,
    int batch_size,
    TrainHooks hooks)
    : model_(model),
      adapter_(std::move(adapter)),
      data_(std::move(data)),
      params_(std::move(params)),
      batch_size_(batch_size),
      shape_(batch_shape(params_.max_seq_length)),
      hooks_(std::move(hooks)),
      schedule_("constant", 0.0, 0, 1),
      optimizer_(adamw_settings(params_), packed(adapter_.parameters)) {
  check_settings(params_);
  const std::size_t rows = data_.train.size();
  data_.train = with_trained_tokens(std::move(data_.train), params_.max_seq_length);
  data_.valid = with_trained_tokens(std::move(data_.valid), params_.max_seq_length);
  if (data_.train.empty()) {
    throw base::Error(
        base::ErrorCode::kUnprocessable,
        fmt::format(
            "none of the {} rows has a trained token within max_seq_length {}",
            rows,
            params_.max_seq_length),
        "dataset",
        "no_trained_tokens");
  }
  if (data_.train.size() < rows) {
    say(fmt::format(
        "{} of {} rows have no trained token within max_seq_length {} and are left out",
        rows - data_.train.size(),
        rows,
        params_.max_seq_length));
  }
  if (params_.early_stopping_patience && (data_.valid.empty() || params_.eval_every == 0)) {
    say("early_stopping_patience has no effect: no held-out rows are evaluated");
  }
  for (const data::Example& row : data_.train) {
    lengths_.push_back(
        std::min(row.tokens.size(), static_cast<std::size_t>(params_.max_seq_length)));
  }
  total_steps_ = count_steps(params_, data_.train.size(), static_cast<std::size_t>(batch_size_));
  schedule_ =
      LrSchedule(params_.lr_schedule, params_.learning_rate, params_.warmup_steps, total_steps_);
}

void Trainer::save_checkpoint() const {
  if (hooks_.checkpoint) {
    hooks_.checkpoint(state(), adapter_);
  }
}

TrainResult Trainer::run() {
  started_ = base::steady_seconds();
  tensor::reset_peak_memory();
  if (step_ == 0 || due(params_.eval_every)) {
    run_evaluation();
  }
  int begin = 0;  // the epoch's first step
  for (int epoch = 0; step_ < total_steps_ && !patience_is_over(); ++epoch) {
    const std::vector<Group> groups = plan_epoch(epoch);
    const int done = step_ - begin;  // in an earlier attempt
    begin += static_cast<int>(groups.size());
    for (auto i = static_cast<std::size_t>(done); i < groups.size(); ++i) {
      step(groups[i], i + 1 < groups.size() ? &groups[i + 1] : nullptr);
      if (due(params_.report_every) || step_ == total_steps_) {
        report();
      }
      if (due(params_.eval_every)) {
        run_evaluation();
      }
      if (due(params_.save_every)) {
        save_checkpoint();
      }
      if (step_ == total_steps_ || patience_is_over()) {
        break;
      }
    }
  }
  finish();
  result_.seconds = seconds_before_ + base::steady_seconds() - started_;
  return result_;
}

std::vector<Trainer::Group> Trainer::plan_epoch(int epoch) const {
  const auto index = static_cast<std::uint64_t>(epoch);
  const auto order = data::epoch_order(data_.train.size(), params_.seed, index);
  const BatchPlan batches = plan_batches(
      lengths_,
      order,
      static_cast<std::size_t>(batch_size_),
      stream_seed(params_.seed, kBatchStream, index));
  const auto width = static_cast<std::size_t>(params_.grad_accumulation_steps);
  std::vector<Group> groups;
  for (std::size_t begin = 0; begin < batches.size(); begin += width) {
    const std::size_t end = std::min(batches.size(), begin + width);
    groups.emplace_back(
        batches.begin() + static_cast<std::ptrdiff_t>(begin),
        batches.begin() + static_cast<std::ptrdiff_t>(end));
  }
  return groups;
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
            fmt::format("the training was stopped after step {} of {}", step_, total_steps_));
    }
  }
}

void Trainer::step(const Group& group, const Group* next) {
  Gradient sum;
  const std::optional<Prepared> prepared = std::exchange(prepared_, std::nullopt);
  double seconds = 0.0;
  for (const auto& indices : group) {
    ask();  // may wait: not counted as time of training
    const double start = base::steady_seconds();
    if (prepared && prepared->indices == indices) {
      sum = prepared->sum;
    } else {
      const Batch batch = make_batch(data_.train, indices, shape_);
      add_batch(sum, batch);
    }
    if (group.size() > 1) {  // frees this batch's activations before the next one's are made
      std::vector<mx::array> arrays = sum.parts;
      arrays.push_back(sum.loss);
      mx::eval(arrays);
    }
    seconds += base::steady_seconds() - start;
  }
  const double start = base::steady_seconds();
  update(sum, next);
  ++step_;
  dropout_draws_ += sum.dropout_draws;
  ++window_.steps;
  window_.input_tokens += sum.input_tokens;
  window_.loss_sum += static_cast<double>(sum.loss.item<float>());
  window_.trained_tokens += sum.tokens;
  window_.seconds += seconds + base::steady_seconds() - start;
}

void Trainer::add_batch(Gradient& sum, const Batch& batch) {
  std::optional<mx::array> dropout_key;
  if (adapter_.dropout > 0.0F) {
    const int draw = dropout_draws_ + sum.dropout_draws++;
    dropout_key = mx::random::key(
        stream_seed(params_.seed, kDropoutStream, static_cast<std::uint64_t>(draw)));
  }
  const auto loss_of = [&](const std::vector<mx::array>& parameters) {
    nn::LoraAdapter adapter = adapter_.bind(parameters, dropout_key);
    adapter.recompute = params_.grad_checkpoint;
    return std::vector<mx::array>{masked_loss_sum(model_, &adapter, batch)};
  };
  std::vector<int> all(adapter_.parameters.size());
  std::iota(all.begin(), all.end(), 0);
  auto [loss, gradients] = mx::value_and_grad(loss_of, all)(adapter_.parameters);
  for (std::size_t i = 0; i < sum.parts.size(); ++i) {
    gradients[i] = gradients[i] + sum.parts[i];
  }
  sum.parts = std::move(gradients);
  sum.loss = sum.loss + loss[0];
  sum.tokens += batch.trained_tokens;
  sum.input_tokens += batch.input_tokens;
}

void Trainer::update(const Gradient& sum, const Group* next) {
  const mx::array share(1.0F / static_cast<float>(sum.tokens));
  std::vector<mx::array> gradients;
  gradients.reserve(sum.parts.size());
  for (const mx::array& part : packed(sum.parts)) {
    gradients.push_back(part * share);
  }
  mx::array norm = global_norm(gradients);
  if (params_.max_grad_norm > 0.0) {
    gradients = clip_by_norm(gradients, norm, static_cast<float>(params_.max_grad_norm));
  }
  learning_rate_ = schedule_.at(optimizer_.updates());
  const auto updated = optimizer_.update(packed(adapter_.parameters), gradients, learning_rate_);

  std::vector<mx::array> outputs = updated;
  const auto moments = optimizer_.state();
  outputs.insert(outputs.end(), moments.begin(), moments.end());
  outputs.push_back(sum.loss);
  outputs.push_back(norm);
  mx::async_eval(outputs);
  adapter_.parameters = unpacked(updated, adapter_.parameters);
  if (next != nullptr) {
    prepare(*next);
  }
  mx::eval(outputs);
  grad_norm_ = static_cast<double>(norm.item<float>());
  check_finite(static_cast<double>(mx::array(sum.loss).item<float>()), grad_norm_);
}

void Trainer::check_finite(double loss, double norm) const {
  if (std::isfinite(loss) && std::isfinite(norm)) {
    return;
  }
  throw base::Error(
      base::ErrorCode::kUnprocessable,
      fmt::format(
          "the training diverged at step {} of {}: loss {}, gradient norm {}, learning rate {:g}; "
          "a lower params.learning_rate or params.max_grad_norm may help",
          step_ + 1,
          total_steps_,
          loss,
          norm,
          learning_rate_),
      "params.learning_rate",
      "training_diverged");
}

void Trainer::report() {
  if (window_.steps == 0) {
    return;
  }
  const double seconds = std::max(window_.seconds, 1e-9);
  result_.trained_tokens += window_.trained_tokens;
  result_.train_loss = window_.loss_sum / static_cast<double>(window_.trained_tokens);
  result_.peak_memory_bytes = tensor::memory().peak;
  if (hooks_.reported) {
    StepReport report;
    report.step = step_;
    report.total_steps = total_steps_;
    report.train_loss = result_.train_loss;
    report.learning_rate = learning_rate_;
    report.iterations_per_second = window_.steps / seconds;
    report.tokens_per_second = static_cast<double>(window_.trained_tokens) / seconds;
    report.input_tokens_per_second = static_cast<double>(window_.input_tokens) / seconds;
    report.trained_tokens = result_.trained_tokens;
    report.grad_norm = grad_norm_;
    report.peak_memory_bytes = result_.peak_memory_bytes;
    hooks_.reported(report);
  }
  window_ = {};
}

void Trainer::run_evaluation() {
  if (data_.valid.empty() || params_.eval_every <= 0 || evaluated_step_ == step_) {
    return;
  }
  const nn::LoraAdapter adapter = adapter_.adapter();
  const auto keep_going = [this](std::size_t /*rows_done*/) {
    ask();
    return true;
  };
  const EvalResult evaluated =
      evaluate(model_, &adapter, data_.valid, batch_size_, shape_, keep_going);
  evaluated_step_ = step_;
  if (step_ == 0) {
    result_.eval_loss_before = evaluated.loss;
  }
  result_.eval_loss_after = evaluated.loss;
  if (!best_loss_ || evaluated.loss < *best_loss_) {
    best_loss_ = evaluated.loss;
    evaluations_without_gain_ = 0;
    result_.best_step = step_;
    if (params_.early_stopping_patience) {
      best_parameters_ = adapter_.parameters;
    }
  } else {
    ++evaluations_without_gain_;
  }
  if (hooks_.evaluated) {
    hooks_.evaluated({step_, evaluated});
  }
}

bool Trainer::patience_is_over() const {
  return params_.early_stopping_patience &&
         evaluations_without_gain_ >= *params_.early_stopping_patience;
}

void Trainer::finish() {
  const bool stopped_early = patience_is_over();
  report();
  run_evaluation();
  if (stopped_early) {
    result_.end = TrainEnd::kEarlyStopping;
  } else if (params_.max_steps && step_ == *params_.max_steps) {
    result_.end = TrainEnd::kMaxSteps;
  }
  if (!best_parameters_.empty()) {
    adapter_.parameters = best_parameters_;
    result_.eval_loss_after = best_loss_;
  } else {
    result_.best_step = step_;
  }
  result_.steps = step_;
  result_.peak_memory_bytes = tensor::memory().peak;
  if (hooks_.finished) {
    hooks_.finished(step_, adapter_);
  }
}

void Trainer::say(const std::string& message) const {
  if (hooks_.log) {
    hooks_.log(message);
  }
}

}  // namespace hub::train

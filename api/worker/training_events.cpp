#include "api/worker/training_events.h"

#include <optional>
#include <string>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/base/clock.h"

namespace hub::api {
namespace {

using base::Json;

constexpr double kSecondsBetweenProgress = 1.0;

// How much of the peak is in arrays now; what is low between steps is what steps need for
// themselves.
double memory_share(const train::StepReport& report) {
  return report.peak_memory_bytes == 0 ? 0.0
                                       : static_cast<double>(report.active_memory_bytes) /
                                             static_cast<double>(report.peak_memory_bytes);
}

// Adds what preference training reports beside its loss; `prefix` "" or "eval_".
void add_rewards(
    Json& metric, const std::string& prefix, const std::optional<train::Rewards>& rewards) {
  if (rewards) {
    metric[prefix + "reward_chosen"] = rewards->chosen;
    metric[prefix + "reward_rejected"] = rewards->rejected;
    metric[prefix + "reward_accuracy"] = rewards->accuracy;
    metric[prefix + "reward_margin"] = rewards->margin();
  }
}

}  // namespace

void TrainingEvents::started(int step, int total_steps) {
  total_steps_ = total_steps;
  progress(step);
}

void TrainingEvents::reported(const train::StepReport& report) {
  iterations_per_second_ = report.iterations_per_second;
  Json metric = {
      {"step", report.step},
      {"train_loss", report.train_loss},
      {"learning_rate", report.learning_rate},
      {"ranks", report.ranks},
      {"iterations_per_second", report.iterations_per_second},
      {"tokens_per_second", report.tokens_per_second},
      {"input_tokens_per_second", report.input_tokens_per_second},
      {"trained_tokens", report.trained_tokens},
      {"grad_norm", report.grad_norm},
      {"peak_memory_bytes", report.peak_memory_bytes},
      {"active_memory_bytes", report.active_memory_bytes},
      {"cache_memory_bytes", report.cache_memory_bytes},
      {"active_memory_share", memory_share(report)}};
  add_rewards(metric, "", report.rewards);
  emit_("metric", metric);
  progress(report.step);
}

void TrainingEvents::polled(int step) {
  if (base::steady_seconds() - last_progress_ >= kSecondsBetweenProgress) {
    progress(step);
  }
}

// A figure that is no number has no JSON: it goes as text.
void TrainingEvents::skipped(const train::SkippedStep& skipped) {
  emit_(
      "log",
      {{"level", "warning"},
       {"message",
        fmt::format(
            "step {} is skipped ({} in a row): loss {}, gradient norm {}, learning rate {:g}",
            skipped.step,
            skipped.in_a_row,
            skipped.loss,
            skipped.grad_norm,
            skipped.learning_rate)},
       {"step", skipped.step},
       {"in_a_row", skipped.in_a_row},
       {"loss", fmt::format("{}", skipped.loss)},
       {"grad_norm", fmt::format("{}", skipped.grad_norm)},
       {"learning_rate", skipped.learning_rate},
       {"rolls_back", skipped.rolls_back}});
  emit_(
      "metric",
      {{"step", skipped.step},
       {"skipped_in_a_row", skipped.in_a_row},
       {"learning_rate", skipped.learning_rate}});
}

void TrainingEvents::evaluated(const train::EvalReport& report) {
  Json metric = {{"step", report.step}, {"eval_loss", report.result.loss}};
  add_rewards(metric, "eval_", report.result.rewards);
  emit_("metric", metric);
}

void TrainingEvents::progress(int step) {
  last_progress_ = base::steady_seconds();
  Json data = {{"step", step}, {"total", total_steps_}, {"eta_seconds", nullptr}};
  if (iterations_per_second_ > 0.0) {
    data["eta_seconds"] = (total_steps_ - step) / iterations_per_second_;
  }
  emit_("progress", data);
}

}  // namespace hub::api

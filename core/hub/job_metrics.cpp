#include "core/hub/job_metrics.h"

#include <algorithm>
#include <array>
#include <limits>
#include <set>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "core/hub/worker_memory.h"

namespace hub::hub {
namespace {

using base::JsonReader;

const std::vector<double> kJobBounds{1, 5, 15, 60, 300, 900, 1800, 3600, 7200, 14400, 28800};
const std::vector<double> kStepBounds{
    0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120};
constexpr double kMilli = 1e-3;

struct Gauge {
  const char* field;  // of a report, an evaluation or a memory event
  const char* name;
  const char* help;
  const char* label;  // beside `slot`; "" for none
  const char* value;
};
constexpr const char* kProgress = "progress";
constexpr std::array<Gauge, 6> kGauges{{
    {"train_loss",
     "mlx_hub_training_loss",
     "Loss of the last report or evaluation",
     "split",
     "train"},
    {"eval_loss", "mlx_hub_training_loss", "", "split", "eval"},
    {"tokens_per_second", "mlx_hub_training_tokens_per_second", "Trained tokens a second", "", ""},
    {"learning_rate", "mlx_hub_training_learning_rate", "Learning rate", "", ""},
    {"grad_norm", "mlx_hub_training_gradient_norm", "Norm of the gradient before clipping", "", ""},
    {kProgress, "mlx_hub_training_progress_ratio", "Steps done of all steps", "", ""},
}};
constexpr std::array kMemoryFields{"active_bytes", "cache_bytes", "peak_bytes", "resident_bytes"};

double seconds_between(std::int64_t from_ms, std::int64_t to_ms) {
  return static_cast<double>(std::max<std::int64_t>(0, to_ms - from_ms)) * kMilli;
}

std::int64_t count_of(const JsonReader& data, const char* name) {
  return data.optional_int(name, 0, std::numeric_limits<std::int64_t>::max()).value_or(0);
}

}  // namespace

JobMetrics::JobMetrics(obs::Metrics& metrics)
    : finished_(metrics.counter("mlx_hub_jobs_finished_total", "Jobs that ended")),
      wait_(metrics.histogram("mlx_hub_job_wait_seconds", "In the queue", kJobBounds)),
      run_(metrics.histogram(
          "mlx_hub_job_run_seconds", "From the start of the last attempt to the end", kJobBounds)),
      steps_(metrics.counter("mlx_hub_training_steps_total", "Optimizer steps")),
      tokens_(metrics.counter("mlx_hub_training_tokens_total", "Tokens that were trained on")),
      step_seconds_(metrics.histogram(
          "mlx_hub_training_step_seconds",
          "Of an optimizer step: the mean of each report's window",
          kStepBounds)) {}

void JobMetrics::add(const jobs::Event& event) {
  if (event.subject_kind != "job") {
    return;
  }
  const base::Json json = base::parse_json(event.data_json, "event");
  const JsonReader data(json);
  const std::lock_guard lock(mutex_);
  const auto job = running_.find(event.subject_id);
  if (event.type == "job.metric") {
    if (job != running_.end()) {
      report(job->second, data);
    }
  } else if (event.type == "job.progress") {
    if (job != running_.end()) {
      progress(job->second, data);
    }
  } else if (event.type == "job.memory") {
    if (job != running_.end()) {
      memory(job->second, data);
    }
  } else if (event.type == "job.started") {
    start(event, data);
  } else if (
      event.type == "job.queued" || event.type == "job.resumed" || event.type == "job.waiting" ||
      event.type == "job.retry") {
    running_.erase(event.subject_id);
    waiting_since_ms_.try_emplace(event.subject_id, event.time_ms);
  } else if (
      event.type == "job.completed" || event.type == "job.failed" ||
      event.type == "job.cancelled") {
    end(event, data);
  }
}

void JobMetrics::stop_waiting(const jobs::Event& event, const std::string& kind) {
  const auto since = waiting_since_ms_.find(event.subject_id);
  if (since != waiting_since_ms_.end()) {
    wait_.observe({{"kind", kind}}, seconds_between(since->second, event.time_ms));
    waiting_since_ms_.erase(since);
  }
}

void JobMetrics::start(const jobs::Event& event, const JsonReader& data) {
  Running job;
  job.kind = data.optional_string("kind").value_or("unknown");
  job.since_ms = event.time_ms;
  std::set<int> taken;
  for (const auto& [id, other] : running_) {
    taken.insert(other.slot);
  }
  while (taken.contains(job.slot)) {
    ++job.slot;
  }
  stop_waiting(event, job.kind);
  running_.insert_or_assign(event.subject_id, std::move(job));
}

void JobMetrics::end(const jobs::Event& event, const JsonReader& data) {
  const std::string kind = data.optional_string("kind").value_or("unknown");
  stop_waiting(event, kind);
  if (const auto job = running_.find(event.subject_id); job != running_.end()) {
    run_.observe({{"kind", kind}}, seconds_between(job->second.since_ms, event.time_ms));
    running_.erase(job);
  }
  finished_.add({{"kind", kind}, {"state", data.optional_string("state").value_or("unknown")}});
}

void JobMetrics::report(Running& job, const JsonReader& data) {
  constexpr double most = std::numeric_limits<double>::max();
  for (const Gauge& gauge : kGauges) {
    if (const auto value = data.optional_number(gauge.field, -most, most)) {
      job.figures[gauge.field] = *value;
    }
  }
  const auto speed = data.optional_number("iterations_per_second", 0, most);
  if (!speed || *speed == 0) {
    return;  // an evaluation
  }
  step_seconds_.observe({}, 1 / *speed);
  const std::int64_t step = count_of(data, "step");
  const std::int64_t tokens = count_of(data, "trained_tokens");
  steps_.add({}, static_cast<double>(std::max<std::int64_t>(0, step - job.step.value_or(step))));
  tokens_.add(
      {},
      static_cast<double>(std::max<std::int64_t>(0, tokens - job.trained_tokens.value_or(tokens))));
  job.step = step;
  job.trained_tokens = tokens;
}

void JobMetrics::progress(Running& job, const JsonReader& data) {
  const std::int64_t step = count_of(data, "step");
  if (!job.step) {  // what an attempt that goes on has trained before is not told here
    job.step = step;
    job.trained_tokens = step == 0 ? std::optional<std::int64_t>(0) : std::nullopt;
  }
  if (const std::int64_t total = count_of(data, "total"); total > 0) {
    job.figures[kProgress] = static_cast<double>(step) / static_cast<double>(total);
  }
}

void JobMetrics::memory(Running& job, const JsonReader& data) {
  for (const char* field : kMemoryFields) {
    job.figures[field] = static_cast<double>(count_of(data, field));
  }
}

void JobMetrics::tell(obs::MetricSnapshot& snapshot) const {
  const std::lock_guard lock(mutex_);
  for (const auto& [id, job] : running_) {
    const std::string slot = std::to_string(job.slot);
    for (const Gauge& gauge : kGauges) {
      const auto value = job.figures.find(gauge.field);
      if (value == job.figures.end()) {
        continue;
      }
      obs::Labels labels{{"slot", slot}};
      if (*gauge.label != 0) {
        labels[gauge.label] = gauge.value;
      }
      snapshot.gauge(gauge.name, gauge.help, value->second, std::move(labels));
    }
    WorkerMemory memory;
    const auto bytes = [&job](const char* field) {
      const auto found = job.figures.find(field);
      return found == job.figures.end() ? 0.0 : found->second;
    };
    memory.active_bytes = bytes("active_bytes");
    memory.cache_bytes = bytes("cache_bytes");
    memory.peak_bytes = bytes("peak_bytes");
    memory.resident_bytes = bytes("resident_bytes");
    tell_memory(snapshot, "job " + slot, memory);
  }
}

std::optional<int> JobMetrics::slot(const std::string& job_id) const {
  const std::lock_guard lock(mutex_);
  const auto job = running_.find(job_id);
  return job == running_.end() ? std::nullopt : std::optional(job->second.slot);
}

}  // namespace hub::hub

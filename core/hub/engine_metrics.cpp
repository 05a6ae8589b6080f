#include "core/hub/engine_metrics.h"

#include <algorithm>
#include <limits>
#include <vector>

#include <nlohmann/json.hpp>

#include "core/base/engine_events.h"

namespace hub::hub {
namespace {

using base::JsonReader;

constexpr std::size_t kMostModels = 50;
constexpr const char* kModel = "gen_ai_request_model";

// Seconds, as OpenTelemetry's GenAI conventions recommend, with finer ones below for small models.
const std::vector<double> kFirstTokenBounds{
    0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30};
const std::vector<double> kDurationBounds{
    0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92, 300};
const std::vector<double> kTokenBounds{
    1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576};
const std::vector<double> kLoadBounds{0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300};

double seconds_of(const JsonReader& event, const char* name) {
  return event.optional_number(name, 0, 1e9).value_or(0.0);
}

}  // namespace

EngineMetrics::EngineMetrics(obs::Metrics& metrics)
    : names_(kMostModels),
      first_token_(metrics.histogram(
          "gen_ai_server_time_to_first_token_seconds",
          "From a request's arrival in the engine's process to its first token",
          kFirstTokenBounds)),
      output_token_(metrics.histogram(
          "gen_ai_server_time_per_output_token_seconds",
          "Between two tokens of one answer",
          {base::kInterTokenBounds.begin(), base::kInterTokenBounds.end()})),
      duration_(metrics.histogram(
          "gen_ai_server_request_duration_seconds",
          "Of a request in the engine's process",
          kDurationBounds)),
      tokens_(metrics.histogram("gen_ai_client_token_usage", "Tokens of a request", kTokenBounds)),
      queue_wait_(metrics.histogram(
          "mlx_hub_engine_queue_wait_seconds",
          "From a request's arrival until the engine began with its prompt",
          kFirstTokenBounds)),
      prefill_(metrics.histogram(
          "mlx_hub_engine_prefill_seconds",
          "From the beginning of a prompt to the first token",
          kFirstTokenBounds)),
      model_tokens_(metrics.counter(
          "mlx_hub_engine_tokens_total", "Tokens that went through the model, by phase")),
      steps_(metrics.counter("mlx_hub_engine_steps_total", "Forward passes")),
      step_sequences_(metrics.counter(
          "mlx_hub_engine_step_sequences_total", "Sequences in forward passes, summed over them")),
      preemptions_(metrics.counter(
          "mlx_hub_engine_preemptions_total",
          "Sequences that gave their cache up and waited again")),
      load_(metrics.histogram(
          "mlx_hub_engine_load_seconds", "From an engine's start until it was ready", kLoadBounds)),
      ends_(metrics.counter("mlx_hub_engine_ends_total", "Engines that ended, by reason")) {}

void EngineMetrics::usage(const std::string& model, const JsonReader& event) {
  const obs::Labels labels{{kModel, names_(model)}};
  const auto count = [&event](const char* name) {
    return static_cast<double>(
        event.optional_int(name, 0, std::numeric_limits<std::int64_t>::max()).value_or(0));
  };
  const double answered = count("completion_tokens");
  obs::Labels with_reason = labels;
  with_reason["finish_reason"] = event.optional_string("finish_reason").value_or("unknown");
  duration_.observe(with_reason, seconds_of(event, "seconds"));
  queue_wait_.observe(labels, seconds_of(event, "queue_seconds"));
  if (answered > 0) {
    first_token_.observe(labels, seconds_of(event, "ttft_seconds"));
    prefill_.observe(labels, seconds_of(event, "prefill_seconds"));
  }
  obs::Labels with_type = labels;
  with_type["gen_ai_token_type"] = "input";
  tokens_.observe(with_type, count("prompt_tokens"));
  with_type["gen_ai_token_type"] = "output";
  tokens_.observe(with_type, answered);
  if (const base::Json* counts = event.optional_array("inter_token_counts")) {
    std::vector<double> numbers;
    for (const base::Json& one : *counts) {
      numbers.push_back(one.is_number() ? std::max(0.0, one.get<double>()) : 0.0);
    }
    static_cast<void>(output_token_.add(labels, numbers, seconds_of(event, "inter_token_seconds")));
  }
}

void EngineMetrics::work(const std::string& model, const JsonReader& event, Sums& before) {
  const obs::Labels labels{{kModel, names_(model)}};
  const auto since = [&event, &before](const char* name) {
    const std::int64_t now =
        event.optional_int(name, 0, std::numeric_limits<std::int64_t>::max()).value_or(0);
    std::int64_t& last = before[name];
    const std::int64_t more = std::max<std::int64_t>(0, now - last);
    last = now;
    return static_cast<double>(more);
  };
  const auto phase = [&labels](const char* name) {
    obs::Labels with_phase = labels;
    with_phase["phase"] = name;
    return with_phase;
  };
  model_tokens_.add(phase("prefill"), since("prompt_tokens"));
  model_tokens_.add(phase("decode"), since("generated_tokens"));
  steps_.add(labels, since("steps"));
  step_sequences_.add(labels, since("step_sequences"));
  preemptions_.add(labels, since("preemptions"));
}

void EngineMetrics::loaded(double seconds) {
  load_.observe({}, seconds);
}

void EngineMetrics::ended(const std::string& reason) {
  ends_.add({{"reason", reason}});
}

}  // namespace hub::hub

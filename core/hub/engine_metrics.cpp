#include "core/hub/engine_metrics.h"

#include <algorithm>
#include <cstdint>
#include <vector>

namespace hub::hub {
namespace {

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
      slow_steps_(metrics.counter(
          "mlx_hub_engine_slow_steps_total", "Forward passes that took longer than they should")),
      preemptions_(metrics.counter(
          "mlx_hub_engine_preemptions_total",
          "Sequences that gave their cache up and waited again")),
      refused_(metrics.counter(
          "mlx_hub_engine_refused_total",
          "Requests that were refused since too many waited, by reason")),
      cached_tokens_(metrics.counter(
          "mlx_hub_engine_cached_prompt_tokens_total",
          "Prompt tokens whose keys and values were there already")),
      drafted_tokens_(metrics.counter(
          "mlx_hub_engine_drafted_tokens_total",
          "Tokens that were guessed and checked, by who guessed")),
      accepted_tokens_(metrics.counter(
          "mlx_hub_engine_accepted_draft_tokens_total",
          "Guessed tokens that came, by who guessed")),
      prefix_files_(metrics.counter(
          "mlx_hub_engine_prefix_files_total",
          "Kept prefixes that went to the disk, by what became of them")),
      prefix_disk_tokens_(metrics.counter(
          "mlx_hub_engine_prefix_disk_tokens_total",
          "Prompt tokens whose keys and values came from the disk")),
      load_(metrics.histogram(
          "mlx_hub_engine_load_seconds", "From an engine's start until it was ready", kLoadBounds)),
      ends_(metrics.counter("mlx_hub_engine_ends_total", "Engines that ended, by reason")) {}

void EngineMetrics::usage(const std::string& model, const base::EngineUsage& usage) {
  const obs::Labels labels{{kModel, names_(model)}};
  const auto with = [&labels](const char* name, const std::string& value) {
    obs::Labels more = labels;
    more[name] = value;
    return more;
  };
  duration_.observe(with("finish_reason", usage.finish_reason), usage.seconds);
  queue_wait_.observe(labels, usage.queue_seconds);
  if (usage.completion_tokens > 0) {
    first_token_.observe(labels, usage.ttft_seconds);
    prefill_.observe(labels, usage.prefill_seconds);
  }
  tokens_.observe(with("gen_ai_token_type", "input"), usage.prompt_tokens);
  tokens_.observe(with("gen_ai_token_type", "output"), usage.completion_tokens);
  const auto& between = usage.inter_token;
  output_token_.add(labels, {between.counts.begin(), between.counts.end()}, between.seconds);
}

void EngineMetrics::work(
    const std::string& model, const base::EngineWork& before, const base::EngineWork& now) {
  obs::Labels labels{{kModel, names_(model)}};
  const auto since = [&before, &now](std::int64_t base::EngineWork::* sum) {
    return static_cast<double>(std::max<std::int64_t>(0, now.*sum - before.*sum));
  };
  steps_.add(labels, since(&base::EngineWork::steps));
  step_sequences_.add(labels, since(&base::EngineWork::step_sequences));
  slow_steps_.add(labels, since(&base::EngineWork::slow_steps));
  preemptions_.add(labels, since(&base::EngineWork::preemptions));
  cached_tokens_.add(labels, since(&base::EngineWork::cached_prompt_tokens));
  labels["reason"] = "engine_busy";
  refused_.add(labels, since(&base::EngineWork::refused));
  labels["reason"] = "key_queue_full";
  refused_.add(labels, since(&base::EngineWork::refused_for_key));
  labels.erase("reason");
  prefix_disk_tokens_.add(labels, since(&base::EngineWork::prefix_disk_tokens));
  const auto drafts = [&](const char* source,
                          std::int64_t base::EngineWork::* drafted,
                          std::int64_t base::EngineWork::* accepted) {
    obs::Labels more = labels;
    more["source"] = source;
    drafted_tokens_.add(more, since(drafted));
    accepted_tokens_.add(more, since(accepted));
  };
  using Work = base::EngineWork;
  drafts("grammar", &Work::grammar_drafted_tokens, &Work::grammar_accepted_tokens);
  drafts("text", &Work::text_drafted_tokens, &Work::text_accepted_tokens);
  drafts("model", &Work::model_drafted_tokens, &Work::model_accepted_tokens);
  drafts("mtp", &Work::mtp_drafted_tokens, &Work::mtp_accepted_tokens);
  const auto files = [&](const char* outcome, std::int64_t base::EngineWork::* sum) {
    obs::Labels more = labels;
    more["outcome"] = outcome;
    prefix_files_.add(more, since(sum));
  };
  files("saved", &base::EngineWork::prefix_disk_saves);
  files("skipped", &base::EngineWork::prefix_disk_skipped);
  files("loaded", &base::EngineWork::prefix_disk_loads);
  labels["phase"] = "prefill";
  model_tokens_.add(
      labels,
      since(&base::EngineWork::prompt_tokens) - since(&base::EngineWork::cached_prompt_tokens));
  labels["phase"] = "decode";
  model_tokens_.add(labels, since(&base::EngineWork::generated_tokens));
  labels["phase"] = "embed";
  model_tokens_.add(labels, since(&base::EngineWork::embedded_tokens));
}

void EngineMetrics::loaded(double seconds) {
  load_.observe({}, seconds);
}

void EngineMetrics::ended(const std::string& reason) {
  ends_.add({{"reason", reason}});
}

}  // namespace hub::hub

#include "core/base/engine_events.h"

#include <algorithm>
#include <string_view>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/json_reader.h"

namespace hub::base {
namespace {

constexpr double kMaxSeconds = 1e9;

std::int64_t count_of(const JsonReader& event, std::string_view key) {
  return event.optional_int(key, 0, INT64_MAX).value_or(0);
}

int tokens_of(const JsonReader& event, std::string_view key) {
  return static_cast<int>(event.optional_int(key, 0, INT32_MAX).value_or(0));
}

double seconds_of(const JsonReader& event, std::string_view key) {
  return event.optional_number(key, 0.0, kMaxSeconds).value_or(0.0);
}

InterTokenTimes inter_token_of(const JsonReader& event) {
  InterTokenTimes times;
  times.seconds = seconds_of(event, "inter_token_seconds");
  const Json* counts = event.optional_array("inter_token_counts");
  if (counts == nullptr) {
    return times;
  }
  const bool are_counts = std::ranges::all_of(*counts, [](const Json& count) {
    return count.is_number_integer() && count.get<std::int64_t>() >= 0;
  });
  if (counts->size() != times.counts.size() || !are_counts) {
    throw Error(
        ErrorCode::kInvalidArgument,
        fmt::format(
            "inter_token_counts: {} counts were wanted, got {}",
            times.counts.size(),
            counts->dump()),
        "inter_token_counts");
  }
  counts->get_to(times.counts);
  return times;
}

}  // namespace

void InterTokenTimes::add(double gap_seconds) {
  const auto bucket = std::ranges::lower_bound(kInterTokenBounds, gap_seconds);
  ++counts[static_cast<std::size_t>(bucket - kInterTokenBounds.begin())];
  seconds += gap_seconds;
}

void InterTokenTimes::add(const InterTokenTimes& other) {
  for (std::size_t i = 0; i < counts.size(); ++i) {
    counts[i] += other.counts[i];
  }
  seconds += other.seconds;
}

Json event_fields(const EngineUsage& usage) {
  Json fields = {
      {"request_id", usage.request_id},
      {"prompt_tokens", usage.prompt_tokens},
      {"completion_tokens", usage.completion_tokens},
      {"started_ns", usage.started_ns},
      {"seconds", usage.seconds},
      {"ttft_seconds", usage.ttft_seconds},
      {"queue_seconds", usage.queue_seconds},
      {"prefill_seconds", usage.prefill_seconds},
      {"decode_seconds", usage.decode_seconds},
      {"inter_token_counts", usage.inter_token.counts},
      {"inter_token_seconds", usage.inter_token.seconds},
      {"finish_reason", usage.finish_reason}};
  if (!usage.adapter.empty()) {
    fields["adapter"] = usage.adapter;
  }
  if (!usage.key_id.empty()) {
    fields["key_id"] = usage.key_id;
  }
  if (!usage.traceparent.empty()) {
    fields["traceparent"] = usage.traceparent;
  }
  return fields;
}

Json event_fields(const EngineWork& work) {
  return {
      {"steps", work.steps},
      {"slow_steps", work.slow_steps},
      {"step_seconds", work.step_seconds},
      {"step_sequences", work.step_sequences},
      {"preemptions", work.preemptions},
      {"prompt_tokens", work.prompt_tokens},
      {"cached_prompt_tokens", work.cached_prompt_tokens},
      {"generated_tokens", work.generated_tokens},
      {"grammar_drafted_tokens", work.grammar_drafted_tokens},
      {"grammar_accepted_tokens", work.grammar_accepted_tokens},
      {"text_drafted_tokens", work.text_drafted_tokens},
      {"text_accepted_tokens", work.text_accepted_tokens},
      {"model_drafted_tokens", work.model_drafted_tokens},
      {"model_accepted_tokens", work.model_accepted_tokens},
      {"mtp_drafted_tokens", work.mtp_drafted_tokens},
      {"mtp_accepted_tokens", work.mtp_accepted_tokens},
      {"refused", work.refused},
      {"refused_for_key", work.refused_for_key},
      {"embedded_tokens", work.embedded_tokens},
      {"requests", work.running + work.waiting},
      {"running", work.running},
      {"waiting", work.waiting},
      {"waiting_keys", work.waiting_keys},
      {"kv_bytes", work.kv_bytes},
      {"prefix_bytes", work.prefix_bytes},
      {"prefix_disk_bytes", work.prefix_disk_bytes},
      {"prefix_disk_saves", work.prefix_disk_saves},
      {"prefix_disk_skipped", work.prefix_disk_skipped},
      {"prefix_disk_loads", work.prefix_disk_loads},
      {"prefix_disk_tokens", work.prefix_disk_tokens},
      {"kv_limit_bytes", work.kv_limit_bytes},
      {"kv_bits", work.kv_bits},
      {"kv_window", work.kv_window},
      {"adapters", work.adapters}};
}

EngineUsage engine_usage(const Json& event) {
  const JsonReader reader(event);
  return {
      .request_id = reader.string("request_id"),
      .adapter = reader.optional_string("adapter").value_or(""),
      .key_id = reader.optional_string("key_id").value_or(""),
      .traceparent = reader.optional_string("traceparent").value_or(""),
      .prompt_tokens = tokens_of(reader, "prompt_tokens"),
      .completion_tokens = tokens_of(reader, "completion_tokens"),
      .started_ns = count_of(reader, "started_ns"),
      .seconds = seconds_of(reader, "seconds"),
      .ttft_seconds = seconds_of(reader, "ttft_seconds"),
      .queue_seconds = seconds_of(reader, "queue_seconds"),
      .prefill_seconds = seconds_of(reader, "prefill_seconds"),
      .decode_seconds = seconds_of(reader, "decode_seconds"),
      .inter_token = inter_token_of(reader),
      .finish_reason = reader.optional_string("finish_reason").value_or("")};
}

EngineWork engine_work(const Json& event) {
  const JsonReader reader(event);
  return {
      .steps = count_of(reader, "steps"),
      .slow_steps = count_of(reader, "slow_steps"),
      .step_seconds = seconds_of(reader, "step_seconds"),
      .step_sequences = count_of(reader, "step_sequences"),
      .preemptions = count_of(reader, "preemptions"),
      .prompt_tokens = count_of(reader, "prompt_tokens"),
      .cached_prompt_tokens = count_of(reader, "cached_prompt_tokens"),
      .generated_tokens = count_of(reader, "generated_tokens"),
      .grammar_drafted_tokens = count_of(reader, "grammar_drafted_tokens"),
      .grammar_accepted_tokens = count_of(reader, "grammar_accepted_tokens"),
      .text_drafted_tokens = count_of(reader, "text_drafted_tokens"),
      .text_accepted_tokens = count_of(reader, "text_accepted_tokens"),
      .model_drafted_tokens = count_of(reader, "model_drafted_tokens"),
      .model_accepted_tokens = count_of(reader, "model_accepted_tokens"),
      .mtp_drafted_tokens = count_of(reader, "mtp_drafted_tokens"),
      .mtp_accepted_tokens = count_of(reader, "mtp_accepted_tokens"),
      .refused = count_of(reader, "refused"),
      .refused_for_key = count_of(reader, "refused_for_key"),
      .embedded_tokens = count_of(reader, "embedded_tokens"),
      .running = count_of(reader, "running"),
      .waiting = count_of(reader, "waiting"),
      .waiting_keys = count_of(reader, "waiting_keys"),
      .kv_bytes = count_of(reader, "kv_bytes"),
      .prefix_bytes = count_of(reader, "prefix_bytes"),
      .prefix_disk_bytes = count_of(reader, "prefix_disk_bytes"),
      .prefix_disk_saves = count_of(reader, "prefix_disk_saves"),
      .prefix_disk_skipped = count_of(reader, "prefix_disk_skipped"),
      .prefix_disk_loads = count_of(reader, "prefix_disk_loads"),
      .prefix_disk_tokens = count_of(reader, "prefix_disk_tokens"),
      .kv_limit_bytes = count_of(reader, "kv_limit_bytes"),
      .kv_bits = count_of(reader, "kv_bits"),
      .kv_window = count_of(reader, "kv_window"),
      .adapters = count_of(reader, "adapters")};
}

}  // namespace hub::base

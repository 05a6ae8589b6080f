#include "core/hub/request_traces.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "core/base/clock.h"

namespace hub::hub {
namespace {

constexpr double kUsageWaitSeconds = 5.0;
// A client may read for long what its engine said long ago.
constexpr double kCallWaitSeconds = 600.0;
constexpr std::size_t kMostWaiting = 8192;

std::int64_t nanoseconds(double seconds) {
  return static_cast<std::int64_t>(seconds * 1e9);
}

void describe(obs::Span& call, const base::EngineUsage& usage) {
  call.attributes.emplace_back(
      "gen_ai.usage.input_tokens", static_cast<std::int64_t>(usage.prompt_tokens));
  call.attributes.emplace_back(
      "gen_ai.usage.output_tokens", static_cast<std::int64_t>(usage.completion_tokens));
  call.attributes.emplace_back(
      "gen_ai.response.finish_reasons", std::vector<std::string>{usage.finish_reason});
  if (usage.finish_reason == "error") {
    call.failed = true;
    call.failure = "the engine's forward pass failed";
  }
}

// The parts of a request in its engine, one after the other.
std::vector<obs::Span> parts_of(const base::EngineUsage& usage, const obs::TraceContext& call) {
  std::vector<obs::Span> parts;
  std::int64_t at = usage.started_ns;
  const auto add = [&](const char* name, double seconds) -> obs::Span& {
    obs::Span& part = parts.emplace_back();
    part.trace_id = call.trace_id;
    part.span_id = obs::new_span_id();
    part.parent_span_id = call.span_id;
    part.name = name;
    part.start_ns = at;
    at += nanoseconds(seconds);
    part.end_ns = at;
    return part;
  };
  add("queue", usage.queue_seconds);
  if (usage.prefill_seconds > 0.0) {
    add("prefill", usage.prefill_seconds)
        .attributes.emplace_back(
            "gen_ai.usage.input_tokens", static_cast<std::int64_t>(usage.prompt_tokens));
  }
  if (usage.completion_tokens > 0) {
    add("decode", usage.decode_seconds)
        .attributes.emplace_back(
            "gen_ai.usage.output_tokens", static_cast<std::int64_t>(usage.completion_tokens));
  }
  return parts;
}

}  // namespace

RequestTraces::Beginning RequestTraces::begin(std::string_view traceparent) const {
  if (const auto parent = obs::parse_traceparent(traceparent)) {
    return {{parent->trace_id, obs::new_span_id(), parent->sampled}, parent->span_id};
  }
  std::string trace_id = obs::new_trace_id();
  const bool sampled = obs::in_sample(trace_id, sample_ratio_);
  return {{std::move(trace_id), obs::new_span_id(), sampled}, ""};
}

void RequestTraces::add(obs::Span span) {
  if (exporter_ != nullptr) {
    static_cast<void>(exporter_->add(std::move(span)));
  }
}

void RequestTraces::add_call(obs::Span span) {
  {
    const std::lock_guard lock(mutex_);
    const auto found = usages_.find(span.span_id);
    if (found != usages_.end()) {
      describe(span, found->second.usage);
      usages_.erase(found);
    } else if (!span.failed && calls_.size() < kMostWaiting) {
      std::string id = span.span_id;
      calls_.insert_or_assign(std::move(id), Call{base::steady_seconds(), std::move(span)});
      return;
    }
  }
  add(std::move(span));
}

void RequestTraces::on_usage(const base::EngineUsage& usage) {
  const auto call = obs::parse_traceparent(usage.traceparent);
  if (exporter_ == nullptr || !call || !call->sampled) {
    return;
  }
  for (obs::Span& part : parts_of(usage, *call)) {
    add(std::move(part));
  }
  std::optional<obs::Span> ended;
  {
    const std::lock_guard lock(mutex_);
    const auto found = calls_.find(call->span_id);
    if (found != calls_.end()) {
      ended = std::move(found->second.span);
      calls_.erase(found);
    } else if (usages_.size() < kMostWaiting) {
      usages_.insert_or_assign(call->span_id, Usage{base::steady_seconds(), usage});
    }
  }
  if (ended) {
    describe(*ended, usage);
    add(std::move(*ended));
  }
}

void RequestTraces::sweep() {
  const double now = base::steady_seconds();
  sweep(now - kUsageWaitSeconds, now - kCallWaitSeconds);
}

void RequestTraces::flush() {
  constexpr double all = std::numeric_limits<double>::infinity();
  sweep(all, all);
}

void RequestTraces::sweep(double calls_until, double usages_until) {
  std::vector<obs::Span> late;
  {
    const std::lock_guard lock(mutex_);
    std::erase_if(calls_, [&](auto& entry) {
      const bool is_late = entry.second.since < calls_until;
      if (is_late) {
        late.push_back(std::move(entry.second.span));
      }
      return is_late;
    });
    std::erase_if(usages_, [&](const auto& entry) { return entry.second.since < usages_until; });
  }
  for (obs::Span& span : late) {
    add(std::move(span));
  }
}

}  // namespace hub::hub

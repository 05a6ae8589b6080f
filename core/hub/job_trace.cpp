#include "core/hub/job_trace.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/base/file.h"
#include "core/base/json_reader.h"
#include "core/obs/trace_context.h"

namespace hub::hub {
namespace {

using base::Json;
using base::JsonReader;

constexpr std::size_t kTraceDigits = 32;
constexpr std::size_t kSpanDigits = 16;
constexpr std::int64_t kNsOfMs = 1'000'000;

// An event's figures that are of use on a span, under our prefix.
constexpr std::array kFigures{
    "step",
    "train_loss",
    "eval_loss",
    "learning_rate",
    "iterations_per_second",
    "tokens_per_second",
    "trained_tokens",
    "grad_norm",
    "peak_memory_bytes",
    "active_memory_bytes",
    "cache_memory_bytes",
    "skipped_in_a_row",
    "reward_accuracy",
    "reward_margin"};

obs::Attributes figures_of(const Json& data) {
  obs::Attributes figures;
  for (const char* name : kFigures) {
    const auto found = data.find(name);
    if (found == data.end() || !found->is_number()) {
      continue;
    }
    const std::string key = fmt::format("mlx_hub.job.{}", name);
    if (found->is_number_integer()) {
      figures.emplace_back(key, found->get<std::int64_t>());
    } else {
      figures.emplace_back(key, found->get<double>());
    }
  }
  return figures;
}

}  // namespace

std::string JobTrace::trace_id(std::string_view job_id) {
  std::string id;
  std::copy_if(
      job_id.begin(), job_id.end(), std::back_inserter(id), [](char c) { return c != '-'; });
  const bool is_id =
      id.size() == kTraceDigits && id.find_first_not_of("0123456789abcdef") == std::string::npos;
  return is_id ? id : base::sha256_hex(job_id).substr(0, kTraceDigits);
}

JobTrace::JobTrace(std::string job_id) : job_id_(std::move(job_id)), trace_id_(trace_id(job_id_)) {
  attributes_.emplace_back("mlx_hub.job.id", job_id_);
}

std::string JobTrace::span_id(std::string_view name, std::int64_t seq) const {
  return base::sha256_hex(fmt::format("{}/{}/{}", job_id_, name, seq)).substr(0, kSpanDigits);
}

obs::Span JobTrace::finished(
    const Open& open, const std::string& parent, std::string name, std::int64_t end_ms) const {
  obs::Span span;
  span.trace_id = trace_id_;
  span.span_id = open.span_id;
  span.parent_span_id = parent;
  span.name = std::move(name);
  span.start_ns = open.start_ms * kNsOfMs;
  span.end_ns = end_ms * kNsOfMs;
  span.attributes = attributes_;
  return span;
}

// A span below the attempt that ends with this event.
obs::Span JobTrace::part(
    const jobs::Event& event, std::string name, std::int64_t start_ms, obs::Attributes known) {
  const Open open{span_id(name, event.seq), start_ms};
  obs::Span span = finished(open, attempt_.span_id, std::move(name), event.time_ms);
  span.attributes.insert(span.attributes.end(), known.begin(), known.end());
  window_ms_ = event.time_ms;
  return span;
}

// Ends waiting or the attempt, whichever goes on.
void JobTrace::close_open(
    std::vector<obs::Span>& spans, std::int64_t now_ms, const std::string& failure) {
  for (auto [open, name] : {std::pair(&wait_, "job.wait"), std::pair(&attempt_, "job.attempt")}) {
    if (open->start_ms == 0) {
      continue;
    }
    obs::Span span = finished(*open, job_.span_id, name, now_ms);
    span.failed = open == &attempt_ && !failure.empty();
    span.failure = span.failed ? failure : "";
    spans.push_back(std::move(span));
    *open = {};
  }
}

void JobTrace::add_metric(const jobs::Event& event, std::vector<obs::Span>& spans) {
  const Json data = base::parse_json(event.data_json, "event");
  if (attempt_.start_ms == 0) {
    return;
  }
  if (data.contains("eval_loss")) {
    spans.push_back(part(event, "job.evaluation", window_ms_, figures_of(data)));
  } else if (data.contains("train_loss") || data.contains("skipped_in_a_row")) {
    spans.push_back(part(event, "job.report", window_ms_, figures_of(data)));
  }
}

std::vector<obs::Span> JobTrace::add(const jobs::Event& event) {
  std::vector<obs::Span> spans;
  if (event.type == "job.metric") {
    add_metric(event, spans);
    return spans;
  }
  if (event.type == "job.traced") {
    const Json data = base::parse_json(event.data_json, "event");
    if (auto request =
            obs::parse_traceparent(JsonReader(data).optional_string("traceparent").value_or(""))) {
      links_.push_back({request->trace_id, request->span_id});
    }
    return spans;
  }
  if (event.type == "job.checkpoint" && attempt_.start_ms != 0) {
    const Json data = base::parse_json(event.data_json, "event");
    const double seconds = JsonReader(data).optional_number("seconds", 0, 1e9).value_or(0.0);
    const auto start = event.time_ms - static_cast<std::int64_t>(seconds * 1e3);
    const std::int64_t window = window_ms_;
    spans.push_back(part(event, "job.checkpoint", start, figures_of(data)));
    window_ms_ = window;  // it lies within the window of the steps around it
    return spans;
  }
  const bool ends =
      event.type == "job.completed" || event.type == "job.failed" || event.type == "job.cancelled";
  const bool waits = event.type == "job.queued" || event.type == "job.resumed" ||
                     event.type == "job.waiting" || event.type == "job.retry";
  if (!ends && !waits && event.type != "job.started") {
    return spans;
  }
  const Json data = base::parse_json(event.data_json, "event");
  const JsonReader reader(data);
  if (job_.start_ms == 0) {
    job_ = {span_id("job", event.seq), event.time_ms};
    for (const char* key : {"kind", "model"}) {
      if (auto text = reader.optional_string(key)) {
        attributes_.emplace_back(fmt::format("mlx_hub.job.{}", key), std::move(*text));
      }
    }
  }
  const std::string failure =
      event.type == "job.failed"  ? reader.optional_string("reason").value_or("failed")
      : event.type == "job.retry" ? reader.optional_string("last_error").value_or("crashed")
                                  : std::string();
  if (waits && wait_.start_ms != 0) {
    return spans;  // it waits for another reason
  }
  close_open(spans, event.time_ms, failure);
  if (waits) {
    wait_ = {span_id("job.wait", event.seq), event.time_ms};
  } else if (!ends) {
    attempt_ = {span_id("job.attempt", event.seq), event.time_ms};
    window_ms_ = event.time_ms;
  } else {
    obs::Span root = finished(job_, "", "job", event.time_ms);
    root.attributes.emplace_back("mlx_hub.job.state", reader.optional_string("state").value_or(""));
    root.links = links_;
    root.failed = event.type == "job.failed";
    root.failure = failure;
    spans.push_back(std::move(root));
    ended_ = true;
  }
  return spans;
}

}  // namespace hub::hub

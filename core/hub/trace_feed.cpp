#include "core/hub/trace_feed.h"

#include <cstdlib>
#include <utility>

#include "core/base/error.h"
#include "core/obs/otlp.h"
#include "core/obs/trace_context.h"

namespace hub::hub {
namespace {

constexpr int kPage = 500;
constexpr std::size_t kMostTold = 8192;

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

}  // namespace

TraceFeed::TraceFeed(
    jobs::EventLog& events, std::optional<obs::SpanExporter::Options> options, double sample_ratio)
    : events_(events),
      exporter_(options ? std::make_unique<obs::SpanExporter>(std::move(*options)) : nullptr),
      requests_(std::make_unique<RequestTraces>(exporter_.get(), sample_ratio)),
      follower_(
          events,
          "traces",
          [this](const jobs::Event& event) { follow(event); },
          [this] {
            export_told();
            requests_->sweep();
          }) {}

TraceFeed::~TraceFeed() {
  stop();
}

void TraceFeed::start() {
  if (exporter_) {
    follower_.start();
  }
}

void TraceFeed::stop() {
  follower_.stop();
  if (exporter_) {
    requests_->flush();
    exporter_->stop();
  }
}

JobTrace TraceFeed::replayed(const std::string& job_id, std::int64_t seq) {
  JobTrace trace(job_id);
  for (std::int64_t after = 0; after < seq - 1;) {
    const auto page = events_.after(after, job_id, kPage);
    for (const jobs::Event& event : page) {
      if (event.seq >= seq) {
        return trace;
      }
      if (trace.ended()) {
        trace = JobTrace(job_id);
      }
      static_cast<void>(trace.add(event));
    }
    if (page.size() < static_cast<std::size_t>(kPage)) {
      break;
    }
    after = page.back().seq;
  }
  return trace;
}

void TraceFeed::follow(const jobs::Event& event) {
  if (event.subject_kind != "job") {
    return;
  }
  auto found = traces_.find(event.subject_id);
  if (found == traces_.end()) {
    JobTrace trace = replayed(event.subject_id, event.seq);
    found = traces_
                .emplace(
                    event.subject_id, trace.ended() ? JobTrace(event.subject_id) : std::move(trace))
                .first;
  }
  for (obs::Span& span : found->second.add(event)) {
    static_cast<void>(exporter_->add(std::move(span)));
  }
  if (found->second.ended() || event.type == "job.deleted") {
    traces_.erase(found);
  }
}

void TraceFeed::mlflow_told(const MlflowTold& told) {
  const std::lock_guard lock(mutex_);
  if (exporter_ && told_.size() < kMostTold) {
    told_.push_back(told);
  }
}

void TraceFeed::export_told() {
  std::vector<MlflowTold> all;
  {
    const std::lock_guard lock(mutex_);
    all.swap(told_);
  }
  for (const MlflowTold& told : all) {
    obs::Span span;
    span.name = "mlflow.sync";
    span.kind = obs::SpanKind::kClient;
    span.span_id = obs::new_span_id();
    span.start_ns = told.start_ns;
    span.end_ns = told.end_ns;
    span.failed = !told.error.empty();
    span.failure = told.error;
    const std::string id = told.object.substr(told.object.find(':') + 1);
    if (told.object.starts_with("job:")) {
      const auto found = traces_.find(id);
      span.trace_id = JobTrace::trace_id(id);
      span.parent_span_id = found != traces_.end()
                                ? found->second.root_span_id()
                                : replayed(id, events_.last() + 1).root_span_id();
      span.attributes.emplace_back("mlx_hub.job.id", id);
    } else {
      span.trace_id = obs::new_trace_id();
      span.attributes.emplace_back("mlx_hub.model.id", id);
    }
    static_cast<void>(exporter_->add(std::move(span)));
  }
}

std::optional<obs::SpanExporter::Options> exporter_options(const Config& config) {
  std::string endpoint = config.otlp_endpoint.empty() ? environment("OTEL_EXPORTER_OTLP_ENDPOINT")
                                                      : config.otlp_endpoint;
  while (endpoint.ends_with('/')) {
    endpoint.pop_back();
  }
  if (endpoint.empty() || !config.telemetry) {
    return std::nullopt;
  }
  obs::SpanExporter::Options options;
  options.endpoint = endpoint;
  options.headers = obs::otlp_headers(environment("OTEL_EXPORTER_OTLP_HEADERS"));
  const std::string name = environment("OTEL_SERVICE_NAME");
  options.resource = {
      {"service.name", name.empty() ? std::string("mlx-hub") : name},
      {"service.version", std::string(HUB_VERSION)},
      {"service.instance.id", config.data_dir.string()}};
  return options;
}

double sample_ratio(const Config& config) {
  if (config.otlp_sample_ratio >= 0.0) {
    return config.otlp_sample_ratio;
  }
  const std::string text = environment("OTEL_TRACES_SAMPLER_ARG");
  if (text.empty()) {
    return 1.0;
  }
  char* end = nullptr;
  const double ratio = std::strtod(text.c_str(), &end);
  if (*end != '\0' || !(ratio >= 0.0 && ratio <= 1.0)) {
    throw base::Error(
        base::ErrorCode::kInvalidArgument,
        "OTEL_TRACES_SAMPLER_ARG must be a number from 0 to 1, got '" + text + "'",
        "otlp_sample_ratio");
  }
  return ratio;
}

}  // namespace hub::hub

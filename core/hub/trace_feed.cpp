#include "core/hub/trace_feed.h"

#include <chrono>
#include <cstdlib>
#include <utility>

#include "core/obs/log.h"
#include "core/obs/otlp.h"

namespace hub::hub {
namespace {

constexpr std::chrono::milliseconds kWait{1000};
constexpr std::chrono::milliseconds kClosedWait{100};
constexpr int kPage = 500;

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

}  // namespace

TraceFeed::TraceFeed(jobs::EventLog& events, std::optional<obs::SpanExporter::Options> options)
    : events_(events) {
  if (options) {
    exporter_ = std::make_unique<obs::SpanExporter>(std::move(*options));
  }
}

TraceFeed::~TraceFeed() {
  stop();
}

void TraceFeed::start() {
  if (exporter_) {
    after_ = events_.last();
    thread_ = std::thread([this] { work(); });
  }
}

void TraceFeed::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) {
    thread_.join();
  }
  if (exporter_) {
    exporter_->stop();
  }
}

bool TraceFeed::wait(std::uint64_t seen) {
  if (!events_.closed()) {
    events_.wait(seen, kWait);
  }
  // A closed log no longer waits, but jobs that end at shutdown still write to it.
  std::unique_lock lock(mutex_);
  return wake_.wait_for(
      lock, events_.closed() ? kClosedWait : std::chrono::milliseconds(0), [this] {
        return stopping_;
      });
}

void TraceFeed::work() {
  bool last_look = false;
  while (true) {
    const std::uint64_t seen = events_.commits();
    try {
      auto page = events_.after(after_, std::nullopt, kPage);
      for (const jobs::Event& event : page) {
        after_ = event.seq;
        if (event.subject_kind == "job") {
          follow(event);
        }
      }
      if (page.size() == static_cast<std::size_t>(kPage)) {
        continue;
      }
    } catch (const std::exception& error) {  // a locked database: look again
      obs::log::warning("trace_feed_failed", {{"error", error.what()}});
    }
    if (last_look) {
      return;
    }
    last_look = wait(seen);
  }
}

void TraceFeed::follow(const jobs::Event& event) {
  auto found = traces_.find(event.subject_id);
  if (found == traces_.end()) {
    found = traces_.emplace(event.subject_id, JobTrace(event.subject_id)).first;
    // What came before this server or this feed: its spans were sent then.
    for (std::int64_t after = 0; after < event.seq - 1;) {
      const auto earlier = events_.after(after, event.subject_id, kPage);
      for (const jobs::Event& before : earlier) {
        if (before.seq >= event.seq) {
          break;
        }
        static_cast<void>(found->second.add(before));
        if (found->second.ended()) {
          found->second = JobTrace(event.subject_id);
        }
      }
      if (earlier.size() < static_cast<std::size_t>(kPage)) {
        break;
      }
      after = earlier.back().seq;
    }
  }
  for (obs::Span& span : found->second.add(event)) {
    static_cast<void>(exporter_->add(std::move(span)));
  }
  if (found->second.ended() || event.type == "job.deleted") {
    traces_.erase(found);
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

}  // namespace hub::hub

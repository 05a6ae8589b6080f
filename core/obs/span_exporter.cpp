#include "core/obs/span_exporter.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/base/error.h"
#include "core/net/http_client.h"
#include "core/obs/log.h"
#include "core/obs/otlp.h"

namespace hub::obs {
namespace {

constexpr std::chrono::milliseconds kFirstBackoff{500};

// Which answers ask for another attempt: https://opentelemetry.io/docs/specs/otlp/#failures-1
bool is_retryable(int status) {
  return status == 429 || status == 502 || status == 503 || status == 504;
}

}  // namespace

SpanExporter::SpanExporter(Options options)
    : options_(std::move(options)), thread_([this] { work(); }) {}

SpanExporter::~SpanExporter() {
  stop();
}

bool SpanExporter::add(Span span) {
  const std::lock_guard lock(mutex_);
  if (stopping_ || queue_.size() >= options_.queue_limit) {
    ++counts_.dropped;
    return false;
  }
  queue_.push_back(std::move(span));
  return true;
}

void SpanExporter::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) {
    thread_.join();
  }
}

SpanExporter::Counts SpanExporter::counts() const {
  const std::lock_guard lock(mutex_);
  Counts now = counts_;
  now.waiting = queue_.size();
  return now;
}

// True when stop() was called.
bool SpanExporter::wait(std::chrono::milliseconds time) {
  std::unique_lock lock(mutex_);
  return wake_.wait_for(lock, time, [this] { return stopping_; });
}

std::vector<Span> SpanExporter::next_batch() {
  const std::lock_guard lock(mutex_);
  std::vector<Span> batch;
  while (!queue_.empty() && batch.size() < options_.batch_limit) {
    batch.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  return batch;
}

void SpanExporter::work() {
  bool stopping = false;
  while (!stopping) {
    stopping = wait(options_.interval);
    for (auto batch = next_batch(); !batch.empty(); batch = next_batch()) {
      if (!send(batch)) {
        give_up_when_stopping();
      }
    }
  }
}

void SpanExporter::give_up_when_stopping() {
  const std::lock_guard lock(mutex_);
  if (stopping_) {
    counts_.failed += queue_.size();
    queue_.clear();
  }
}

bool SpanExporter::send(const std::vector<Span>& batch) {
  net::HttpRequest request;
  request.method = "POST";
  request.url = options_.endpoint + "/v1/traces";
  request.headers = options_.headers;
  request.headers.emplace_back("Content-Type", "application/json");
  request.body = otlp_traces(batch, options_.resource);
  request.timeout = options_.timeout;
  request.connect_timeout = options_.timeout;
  net::HttpClient client;
  std::string problem;
  auto backoff = kFirstBackoff;
  for (int attempt = 1;; ++attempt) {
    bool again = true;
    auto pause = backoff;
    try {
      const net::HttpResponse answer = client.send(request);
      if (answer.status >= 200 && answer.status < 300) {
        const std::lock_guard lock(mutex_);
        counts_.exported += batch.size();
        counts_.last_error.clear();
        return true;
      }
      problem = fmt::format("{} answered {}", request.url, answer.status);
      again = is_retryable(answer.status);
      pause = net::retry_after(answer).value_or(backoff);
    } catch (const base::Error& error) {
      problem = error.what();
    }
    if (!again || attempt >= options_.attempts || wait(pause)) {
      break;
    }
    backoff *= 2;
  }
  bool is_news = false;
  {
    const std::lock_guard lock(mutex_);
    counts_.failed += batch.size();
    is_news = counts_.last_error != problem;
    counts_.last_error = problem;
  }
  if (is_news) {
    log::warning("spans_not_exported", {{"spans", batch.size()}, {"error", problem}});
  }
  return false;
}

}  // namespace hub::obs

#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/obs/span.h"

namespace hub::obs {

// Sends spans to an OTLP/HTTP receiver (a collector, MLflow) on a thread of its own. Never blocks
// who adds one: what finds the queue full is dropped and counted. Thread-safe.
class SpanExporter {
 public:
  struct Options {
    std::string endpoint;  // "http://localhost:4318"; spans go to <endpoint>/v1/traces
    std::vector<std::pair<std::string, std::string>> headers{};
    Attributes resource{};                     // otlp_traces()
    std::size_t queue_limit = 8192;            // spans
    std::size_t batch_limit = 512;             // spans of one call
    std::chrono::milliseconds interval{1000};  // between calls
    std::chrono::milliseconds timeout{5000};   // of a call
    int attempts = 5;                          // of a batch, until it is given up
  };
  struct Counts {
    std::uint64_t exported = 0;
    std::uint64_t dropped = 0;  // queue full
    std::uint64_t failed = 0;   // given up: the receiver refused them or could not be reached
    std::uint64_t waiting = 0;
    std::string last_error;  // empty after a success
  };

  explicit SpanExporter(Options options);
  ~SpanExporter();  // stop()
  SpanExporter(const SpanExporter&) = delete;
  SpanExporter& operator=(const SpanExporter&) = delete;

  // False when it was dropped.
  bool add(Span span);
  // Sends what waits, one attempt a batch, and ends the thread; with the first batch that fails
  // all are given up, so that a receiver which hangs delays an end by one timeout. Idempotent.
  void stop();
  [[nodiscard]] Counts counts() const;
  [[nodiscard]] const std::string& endpoint() const { return options_.endpoint; }

 private:
  void work();
  std::vector<Span> next_batch();
  // False when it was given up.
  bool send(const std::vector<Span>& batch);
  // When stop() was called and a batch was given up: no further one is tried.
  void give_up_when_stopping();
  bool wait(std::chrono::milliseconds time);

  const Options options_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Span> queue_;  // guarded by mutex_
  Counts counts_;           // guarded by mutex_
  bool stopping_ = false;   // guarded by mutex_
  std::thread thread_;      // last
};

}  // namespace hub::obs

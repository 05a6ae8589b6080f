#pragma once

#include <cstddef>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "core/base/engine_events.h"
#include "core/obs/span.h"
#include "core/obs/span_exporter.h"
#include "core/obs/trace_context.h"

namespace hub::hub {

// The spans of HTTP requests: whoever serves one makes them, this decides which are exported and
// adds what the engine told of its part. Never a prompt or an answer. Thread-safe; never waits for
// the receiver.
class RequestTraces {
 public:
  // `exporter`: nullptr where nothing is exported; outlives this. `sample_ratio`: the share of
  // traces, from 0 to 1, where the caller did not decide.
  RequestTraces(obs::SpanExporter* exporter, double sample_ratio)
      : exporter_(exporter), sample_ratio_(sample_ratio) {}

  [[nodiscard]] bool enabled() const { return exporter_ != nullptr; }

  struct Beginning {
    obs::TraceContext context;   // of the request's own span
    std::string parent_span_id;  // the caller's; "": the trace begins here
  };
  // The place of a request in the trace of its `traceparent`, whose decision about sampling holds;
  // in a new one where that is absent or bad.
  [[nodiscard]] Beginning begin(std::string_view traceparent) const;

  // A finished span.
  void add(obs::Span span);
  // A finished call of an engine. One that did not fail waits some seconds for what the engine
  // tells of it: the tokens, and why it ended.
  void add_call(obs::Span span);
  // Adds "queue", "prefill" and "decode" below the call that the engine was given as traceparent.
  void on_usage(const base::EngineUsage& usage);

  // Sends on the calls that waited too long; called about once a second.
  void sweep();
  // The same for all that wait: nothing comes any more.
  void flush();

 private:
  struct Call {
    double since = 0.0;  // base::steady_seconds()
    obs::Span span;
  };
  struct Usage {
    double since = 0.0;
    base::EngineUsage usage;
  };
  // Of those that wait since before then (base::steady_seconds()).
  void sweep(double calls_until, double usages_until);

  obs::SpanExporter* exporter_;
  const double sample_ratio_;
  std::mutex mutex_;
  std::map<std::string, Call> calls_;    // guarded by mutex_; by span id: their usage is not known
  std::map<std::string, Usage> usages_;  // guarded by mutex_; by span id: their call goes on
};

}  // namespace hub::hub

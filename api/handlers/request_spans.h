#pragma once

#include <string>

#include "api/server/http.h"
#include "api/server/server.h"
#include "core/hub/hub.h"
#include "core/hub/request_traces.h"
#include "core/obs/span.h"

namespace hub::api {

// Gives the request its place in a trace: its own of the header `traceparent`, or a new one; the
// answer says which. A header that is none is taken away together with its `tracestate`. Probes and
// /metrics are not traced. Where nothing is exported the caller's header goes on as it came.
void begin_trace(const hub::RequestTraces& traces, Request& request);

// The span of a request that was answered, with OpenTelemetry's HTTP attributes
// (https://opentelemetry.io/docs/specs/semconv/http/http-spans/). Does not block.
void finish_trace(hub::RequestTraces& traces, const Access& access);

// A span below a request's own, from here to end() or its destruction; nothing at all where the
// request's trace is not exported. One thread at a time.
class ChildSpan {
 public:
  // `is_call`: of an engine, which tells of its part later (hub::RequestTraces::add_call).
  ChildSpan(
      hub::RequestTraces& traces, const Request& request, std::string name, bool is_call = false);
  ~ChildSpan();  // end()
  ChildSpan(const ChildSpan&) = delete;
  ChildSpan& operator=(const ChildSpan&) = delete;

  void set(std::string key, obs::AttributeValue value);
  // `type`: what kind of error, of few; `why`: in words.
  void fail(std::string type, std::string why);
  void end();

  // What a process that works for this span is told; "": nothing, the request's own header holds.
  [[nodiscard]] std::string traceparent() const;

 private:
  hub::RequestTraces& traces_;
  const obs::TraceContext parent_;
  const bool is_call_;
  bool ended_ = false;
  obs::Span span_;
};

// Notes, as an event of the job, the request that submitted it, where that is exported; the job's
// trace links there.
void link_job(hub::Hub& hub, const std::string& job_id, const Request& request);

}  // namespace hub::api

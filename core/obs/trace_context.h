#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace hub::obs {

// Where in a trace one is (https://www.w3.org/TR/trace-context-1/): the span under which further
// ones begin.
struct TraceContext {
  std::string trace_id;  // 32 lower-case hexadecimal digits, not all 0; "": there is no trace
  std::string span_id;   // 16
  bool sampled = false;  // its spans are exported
};

// Reads version 00 of the header `traceparent`; nullopt for anything else, upper-case digits and
// ids of zeros included: what follows begins a trace of its own.
std::optional<TraceContext> parse_traceparent(std::string_view header);

// "00-<trace>-<span>-01"
std::string traceparent(const TraceContext& context);

// Random; thread-safe.
std::string new_trace_id();
std::string new_span_id();

// Whether a trace is among the share `ratio` (0 to 1) that is exported. Follows from the last 56
// bits of its id, as OpenTelemetry's samplers decide, so that all who use the same ratio agree.
bool in_sample(std::string_view trace_id, double ratio);

}  // namespace hub::obs

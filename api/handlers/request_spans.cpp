#include "api/handlers/request_spans.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/base/clock.h"
#include "core/obs/trace_context.h"

namespace hub::api {
namespace {

// Asked every few seconds by machines: their spans would hide all others.
constexpr std::array<std::string_view, 3> kUntraced{"/healthz", "/readyz", "/metrics"};
// Others become "_OTHER": an attribute that is grouped by must have few values.
constexpr std::array<std::string_view, 9> kMethods{
    "CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"};

template <std::size_t N>
bool is_one_of(std::string_view text, const std::array<std::string_view, N>& known) {
  return std::ranges::find(known, text) != known.end();
}

// "[::1]:8000" → "::1" and 8000
void add_server_address(obs::Attributes& attributes, std::string_view host) {
  std::string_view name = host;
  std::string_view port;
  const std::size_t colon = host.rfind(':');
  const std::size_t bracket = host.rfind(']');
  if (colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket)) {
    name = host.substr(0, colon);
    port = host.substr(colon + 1);
  }
  if (name.starts_with('[') && name.ends_with(']')) {
    name = name.substr(1, name.size() - 2);
  }
  if (!name.empty()) {
    attributes.emplace_back("server.address", std::string(name));
  }
  std::int64_t number = 0;
  if (std::from_chars(port.data(), port.data() + port.size(), number).ptr != port.data()) {
    attributes.emplace_back("server.port", number);
  }
}

obs::Attributes http_attributes(const Access& access) {
  const Request& request = *access.request;
  const bool is_known = is_one_of(access.method, kMethods);
  obs::Attributes attributes{
      {"http.request.method", std::string(is_known ? access.method : "_OTHER")},
      {"url.path", request.path},
      {"url.scheme", std::string("http")},
      {"http.response.status_code", static_cast<std::int64_t>(access.status)},
      {"http.response.body.size", static_cast<std::int64_t>(access.body_bytes)},
      {"mlx_hub.request_id", request.request_id}};
  if (!access.route.empty()) {
    attributes.emplace_back("http.route", access.route);
  }
  add_server_address(attributes, request.header("Host"));
  if (std::string agent = request.header("User-Agent"); !agent.empty()) {
    attributes.emplace_back("user_agent.original", std::move(agent));
  }
  return attributes;
}

}  // namespace

void begin_trace(const hub::RequestTraces& traces, Request& request) {
  if (is_one_of(request.path, kUntraced)) {
    return;
  }
  const std::string given = request.header("traceparent");
  const auto parent = obs::parse_traceparent(given);
  if (!parent) {
    request.headers.erase("traceparent");
    request.headers.erase("tracestate");
  }
  if (traces.enabled()) {
    const auto beginning = traces.begin(given);
    request.trace_id = beginning.context.trace_id;
    request.span_id = beginning.context.span_id;
    request.parent_span_id = beginning.parent_span_id;
    request.sampled = beginning.context.sampled;
    request.answer_headers["traceparent"] = obs::traceparent(beginning.context);
  } else if (parent) {
    request.trace_id = parent->trace_id;
    request.answer_headers["traceparent"] = given;
  }
}

void finish_trace(hub::RequestTraces& traces, const Access& access) {
  const Request& request = *access.request;
  if (!request.sampled) {
    return;
  }
  obs::Span span;
  span.trace_id = request.trace_id;
  span.span_id = request.span_id;
  span.parent_span_id = request.parent_span_id;
  span.kind = obs::SpanKind::kServer;
  const std::string method(is_one_of(access.method, kMethods) ? access.method : "HTTP");
  span.name = access.route.empty() ? method : fmt::format("{} {}", method, access.route);
  span.end_ns = base::unix_ns();
  span.start_ns = span.end_ns - static_cast<std::int64_t>(access.seconds * 1e9);
  span.attributes = http_attributes(access);
  if (access.status >= 500) {  // a client's mistake is no failure of the server
    span.failed = true;
    span.failure = fmt::format("answered {}", access.status);
    span.attributes.emplace_back("error.type", fmt::format("{}", access.status));
  }
  traces.add(std::move(span));
}

void link_job(hub::Hub& hub, const std::string& job_id, const Request& request) {
  if (request.sampled) {
    hub.events.append(
        hub.clock.now_ms(),
        "job.traced",
        "job",
        job_id,
        {{"traceparent", obs::traceparent({request.trace_id, request.span_id, true})}});
  }
}

ChildSpan::ChildSpan(
    hub::RequestTraces& traces, const Request& request, std::string name, bool is_call)
    : traces_(traces),
      parent_{request.trace_id, request.span_id, request.sampled},
      is_call_(is_call) {
  if (!parent_.sampled) {
    return;
  }
  span_.trace_id = parent_.trace_id;
  span_.span_id = obs::new_span_id();
  span_.parent_span_id = parent_.span_id;
  span_.kind = is_call ? obs::SpanKind::kClient : obs::SpanKind::kInternal;
  span_.name = std::move(name);
  span_.start_ns = base::unix_ns();
}

ChildSpan::~ChildSpan() {
  end();
}

void ChildSpan::set(std::string key, obs::AttributeValue value) {
  span_.attributes.emplace_back(std::move(key), std::move(value));
}

void ChildSpan::fail(std::string type, std::string why) {
  span_.failed = true;
  span_.failure = std::move(why);
  set("error.type", std::move(type));
}

void ChildSpan::end() {
  if (ended_ || !parent_.sampled) {
    return;
  }
  ended_ = true;
  span_.end_ns = base::unix_ns();
  is_call_ ? traces_.add_call(std::move(span_)) : traces_.add(std::move(span_));
}

std::string ChildSpan::traceparent() const {
  if (parent_.sampled) {
    return obs::traceparent({span_.trace_id, span_.span_id, true});
  }
  return parent_.span_id.empty() ? "" : obs::traceparent(parent_);
}

}  // namespace hub::api

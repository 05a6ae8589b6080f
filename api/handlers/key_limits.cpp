#include "api/handlers/key_limits.h"

#include <memory>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "api/handlers/authorization.h"
#include "core/base/busy_error.h"
#include "core/base/clock.h"

namespace hub::api {
namespace {

using registry::KeyLimit;
using registry::KeyMeter;

// As OpenAI writes durations: "120ms", "7s", "1m12s".
std::string duration(std::int64_t ms) {
  if (ms < 1000) {
    return fmt::format("{}ms", ms);
  }
  const std::int64_t seconds = (ms + 999) / 1000;
  return seconds < 60 ? fmt::format("{}s", seconds)
                      : fmt::format("{}m{}s", seconds / 60, seconds % 60);
}

// What removes or stops an answer makes none.
bool generates(const Route& route) {
  return route.method == "POST" && !route.pattern.ends_with("/cancel") &&
         permission_of(route) == Permission::kInfer;
}

[[noreturn]] void refuse(
    const registry::ApiKey& key, const KeyMeter::Standing& standing, KeyLimit limit) {
  const auto& window = limit == KeyLimit::kTokens ? standing.tokens : standing.requests;
  throw base::BusyError(
      base::ErrorCode::kRateLimited,
      fmt::format(
          "API key '{}' may use {} {} a minute and has used them: try again in {} s",
          key.name,
          window ? window->limit : 0,
          to_string(limit),
          standing.retry_after_s),
      "rate_limit_exceeded",
      standing.retry_after_s);
}

std::shared_ptr<void> begin_stream(const KeyLimiting& with, const Request& request) {
  const registry::KeyLimits limits = with.keys.limits_of(request.key_id);
  auto place = with.meter.begin_stream(request.key_id, limits, with.patience);
  if (place == nullptr) {
    with.metrics.refused(request.key_name, KeyLimit::kStreams);
    throw base::BusyError(
        base::ErrorCode::kRateLimited,
        fmt::format(
            "API key '{}' may have {} answers in the works at once: try again when one has ended",
            request.key_name,
            limits.concurrent_streams.value_or(0)),
        "too_many_streams",
        1);
  }
  return place;
}

Response limited(
    const KeyLimiting& with, const Handler& handler, bool takes_place, const Request& request) {
  if (request.key_id.empty()) {
    return handler(request);
  }
  // Before the work where that is much; of other routes only streams hold a place.
  std::shared_ptr<void> place = takes_place ? begin_stream(with, request) : nullptr;
  Response response = handler(request);
  if (response.stream) {
    if (place == nullptr) {
      place = begin_stream(with, request);
    }
    response.stream = [place, produce = std::move(response.stream)](BodyWriter& writer) {
      produce(writer);
    };
  }
  return response;
}

}  // namespace

Headers rate_limit_headers(
    const KeyMeter::Standing& standing, std::string_view route, std::int64_t now_ms) {
  Headers headers;
  const bool anthropic = route.starts_with("/v1/messages");
  const auto tell = [&](const auto& window, const char* what) {
    if (!window) {
      return;
    }
    headers[fmt::format("x-ratelimit-limit-{}", what)] = std::to_string(window->limit);
    headers[fmt::format("x-ratelimit-remaining-{}", what)] = std::to_string(window->remaining);
    headers[fmt::format("x-ratelimit-reset-{}", what)] = duration(window->full_in_ms);
    if (anthropic) {
      const std::string name = fmt::format("anthropic-ratelimit-{}", what);
      headers[name + "-limit"] = std::to_string(window->limit);
      headers[name + "-remaining"] = std::to_string(window->remaining);
      headers[name + "-reset"] = base::rfc3339(now_ms + window->full_in_ms);
    }
  };
  tell(standing.requests, "requests");
  tell(standing.tokens, "tokens");
  return headers;
}

void admit_within_limits(
    const KeyLimiting& with,
    const registry::ApiKey& key,
    Request& request,
    const Route& route,
    std::int64_t now_ms) {
  const KeyMeter::Standing standing = with.meter.admit(key, generates(route));
  request.answer_headers.merge(rate_limit_headers(standing, route.pattern, now_ms));
  if (standing.exceeded) {
    with.metrics.refused(key.name, *standing.exceeded);
    refuse(key, standing, *standing.exceeded);
  }
  with.metrics.admitted(key.name);
}

std::vector<Route> with_limits(std::vector<Route> routes, const KeyLimiting& with) {
  for (Route& route : routes) {
    route.handler = [with, takes_place = generates(route), handler = std::move(route.handler)](
                        const Request& request) {
      return limited(with, handler, takes_place, request);
    };
  }
  return routes;
}

}  // namespace hub::api

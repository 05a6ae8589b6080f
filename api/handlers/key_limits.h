#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>
#include <vector>

#include "api/server/http.h"
#include "core/hub/key_metrics.h"
#include "core/registry/key_meter.h"
#include "core/registry/key_registry.h"

namespace hub::api {

// What a key's limits need. All outlive whoever holds it.
struct KeyLimiting {
  registry::KeyRegistry& keys;
  registry::KeyMeter& meter;
  hub::KeyMetrics& metrics;
  // How long a request waits for a place among its key's streams: one is given back only after the
  // last bytes of an answer were written, and a client may ask again as soon as it has read them.
  std::chrono::milliseconds patience{200};
};

// How a key stands, as headers: those of OpenAI (x-ratelimit-limit-requests, …), on /v1/messages
// those of Anthropic, too. None where the key has no limit a minute.
Headers rate_limit_headers(
    const registry::KeyMeter::Standing& standing, std::string_view route, std::int64_t now_ms);

// Counts a request of this key and puts rate_limit_headers() into its answer. Throws BusyError
// kRateLimited, reason "rate_limit_exceeded". Never blocks.
void admit_within_limits(
    const KeyLimiting& with,
    const registry::ApiKey& key,
    Request& request,
    const Route& route,
    std::int64_t now_ms);

// The routes, each holding a place among its key's concurrent streams as long as it generates, or
// its answer is streamed. Without room: BusyError kRateLimited, reason "too_many_streams".
std::vector<Route> with_limits(std::vector<Route> routes, const KeyLimiting& with);

}  // namespace hub::api

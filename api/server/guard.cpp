#include "api/server/guard.h"

#include <algorithm>
#include <array>
#include <string_view>

#include <arpa/inet.h>
#include <fmt/format.h>

#include "core/base/error.h"

namespace hub::api {
namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](char letter) {
    return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
  });
  return out;
}

bool all_digits(std::string_view text) {
  return std::all_of(
      text.begin(), text.end(), [](char letter) { return letter >= '0' && letter <= '9'; });
}

// "[::1]:8000" → "[::1]", "localhost:8000" → "localhost"; "" when it is no host with port.
std::string_view without_port(std::string_view host) {
  const std::size_t bracket = host.starts_with('[') ? host.find(']') : 0;
  if (bracket == std::string_view::npos) {
    return {};
  }
  const std::size_t colon = host.find(':', bracket);
  if (colon == std::string_view::npos) {
    return host;
  }
  return all_digits(host.substr(colon + 1)) ? host.substr(0, colon) : std::string_view();
}

bool changes_something(std::string_view method) {
  return method != "GET" && method != "HEAD" && method != "OPTIONS";
}

// "192.168.1.7", "[fe80::1]".
bool is_address(const std::string& host) {
  std::array<unsigned char, sizeof(in6_addr)> bytes{};
  if (host.starts_with('[') && host.ends_with(']')) {
    return ::inet_pton(AF_INET6, host.substr(1, host.size() - 2).c_str(), bytes.data()) == 1;
  }
  return ::inet_pton(AF_INET, host.c_str(), bytes.data()) == 1;
}

}  // namespace

Guard::Guard(const Config& config)
    : any_address_(config.any_address), hosts_({"localhost", "127.0.0.1", "[::1]"}) {
  for (const std::string& host : config.allowed_hosts) {
    hosts_.insert(lower(host));
  }
  for (const std::string& origin : config.allowed_origins) {
    origins_.insert(lower(origin));
  }
}

void Guard::check(const Request& request) const {
  for (const auto& [name, value] : request.headers) {
    if (lower(name.substr(0, 6)) == "x-hub-") {
      throw base::Error(
          base::ErrorCode::kInvalidArgument,
          fmt::format("header {}: names that start with X-Hub- are internal and refused", name),
          name);
    }
  }
  const std::string host = lower(request.header("Host"));
  if (host.empty()) {
    throw base::Error(base::ErrorCode::kInvalidArgument, "a Host header is required", "Host");
  }
  const std::string name(without_port(host));
  if (!hosts_.contains(name) && !(any_address_ && is_address(name))) {
    throw base::Error(
        base::ErrorCode::kPermissionDenied,
        fmt::format(
            "this server does not answer to the name '{}'; allowed_hosts adds names",
            host.substr(0, 100)),
        "Host",
        "host_not_allowed");
  }
  const std::string origin = lower(request.header("Origin"));
  if (origin.empty() || !changes_something(request.method)) {
    return;
  }
  // The server's own pages: the origin's host and port are those it was addressed with.
  const bool own = origin == "http://" + host || origin == "https://" + host;
  if (!own && !origins_.contains(origin)) {
    throw base::Error(
        base::ErrorCode::kPermissionDenied,
        fmt::format(
            "requests from pages of '{}' are refused (cross-origin); allowed_origins adds origins",
            origin.substr(0, 100)),
        "Origin",
        "origin_not_allowed");
  }
}

Headers Guard::cors_headers(const Request& request) const {
  const std::string origin = request.header("Origin");
  if (origin.empty() || !origins_.contains(lower(origin))) {
    return {};
  }
  return {
      {"Access-Control-Allow-Origin", origin},
      {"Access-Control-Expose-Headers",
       "ETag, Idempotency-Replayed, Retry-After, WWW-Authenticate, traceparent, X-Request-Id, "
       "x-ratelimit-limit-requests, x-ratelimit-limit-tokens, x-ratelimit-remaining-requests, "
       "x-ratelimit-remaining-tokens, x-ratelimit-reset-requests, x-ratelimit-reset-tokens, "
       "request-id, anthropic-ratelimit-requests-limit, anthropic-ratelimit-requests-remaining, "
       "anthropic-ratelimit-requests-reset, anthropic-ratelimit-tokens-limit, "
       "anthropic-ratelimit-tokens-remaining, anthropic-ratelimit-tokens-reset"},
      {"Vary", "Origin"}};
}

}  // namespace hub::api

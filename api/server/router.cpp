#include "api/server/router.h"

#include <algorithm>
#include <optional>
#include <set>

#include <fmt/format.h>

#include "api/server/uri.h"
#include "core/base/error.h"

namespace hub::api {
namespace {

using Params = std::map<std::string, std::string>;

bool is_param(std::string_view segment) {
  return segment.starts_with('{');
}

bool is_rest(std::string_view segment) {
  return segment.ends_with("*}");
}

std::string param_name(std::string_view segment) {
  segment.remove_prefix(1);
  segment.remove_suffix(is_rest(segment) ? 2 : 1);
  return std::string(segment);
}

[[noreturn]] void refuse(const Route& route, std::string_view why) {
  throw base::Error(
      base::ErrorCode::kInternal, fmt::format("route {} {}: {}", route.method, route.pattern, why));
}

void check_segments(const Route& route, const std::vector<std::string>& segments) {
  std::set<std::string> names;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const std::string& segment = segments[i];
    if (segment.empty()) {
      refuse(route, "an empty segment");
    }
    if (!is_param(segment)) {
      continue;
    }
    if (!segment.ends_with('}') || param_name(segment).empty()) {
      refuse(route, "a parameter is written {name} or {name*}");
    }
    if (is_rest(segment) && i + 1 != segments.size()) {
      refuse(route, "only the last segment may take the rest");
    }
    if (!names.insert(param_name(segment)).second) {
      refuse(route, "a parameter's name twice");
    }
  }
}

// The rest of a path as text; nullopt for segments that would leave a folder.
std::optional<std::string> join_rest(const std::vector<std::string>& segments, std::size_t from) {
  std::string rest;
  for (std::size_t i = from; i < segments.size(); ++i) {
    const std::string& segment = segments[i];
    if (segment == "." || segment == ".." || segment.find('/') != std::string::npos ||
        segment.find('\\') != std::string::npos) {
      return std::nullopt;
    }
    rest += (i > from ? "/" : "") + segment;
  }
  return rest;
}

std::optional<Params> match_segments(
    const std::vector<std::string>& pattern, const std::vector<std::string>& segments) {
  Params params;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (is_param(pattern[i]) && is_rest(pattern[i])) {
      auto rest = join_rest(segments, i);
      if (!rest) {
        return std::nullopt;
      }
      params[param_name(pattern[i])] = std::move(*rest);
      return params;
    }
    if (i >= segments.size()) {
      return std::nullopt;
    }
    if (is_param(pattern[i]) && !segments[i].empty()) {
      params[param_name(pattern[i])] = segments[i];
    } else if (pattern[i] != segments[i]) {
      return std::nullopt;
    }
  }
  return pattern.size() == segments.size() ? std::optional(std::move(params)) : std::nullopt;
}

std::string join(const std::set<std::string>& words) {
  return fmt::format("{}", fmt::join(words, ", "));
}

}  // namespace

Router::Router(std::vector<Route> routes) : routes_(std::move(routes)) {
  std::set<std::string> shapes;
  for (const Route& route : routes_) {
    if (!route.pattern.starts_with('/') || (!route.handler && route.not_supported.empty())) {
      refuse(route, "a route needs a pattern that starts with a slash, and a handler");
    }
    Pattern pattern;
    std::string shape = route.method;
    for (const std::string_view segment : path_segments(route.pattern)) {
      pattern.segments.emplace_back(segment);
      const bool rest = is_param(segment) && is_rest(segment);
      pattern.rank += rest ? '2' : is_param(segment) ? '1' : '0';
      shape += '/';
      shape += rest ? "{*}" : is_param(segment) ? "{}" : segment;
    }
    check_segments(route, pattern.segments);
    if (!shapes.insert(shape).second) {
      refuse(route, "another route answers the same requests");
    }
    patterns_.push_back(std::move(pattern));
  }
}

Router::Match Router::match(std::string_view method, std::string_view raw_path) const {
  std::vector<std::string> segments;
  for (const std::string_view segment : path_segments(raw_path)) {
    segments.push_back(percent_decode(segment));
  }
  Match best;
  std::string best_rank;
  bool best_is_exact = false;  // a HEAD row wins over the GET row that would answer HEAD as well
  std::set<std::string> methods;
  for (std::size_t i = 0; i < routes_.size(); ++i) {
    auto params = match_segments(patterns_[i].segments, segments);
    if (!params) {
      continue;
    }
    const Route& route = routes_[i];
    methods.insert({route.method, "OPTIONS"});
    if (route.method == "GET") {
      methods.insert("HEAD");
    }
    const bool exact = route.method == method;
    if (!exact && !(method == "HEAD" && route.method == "GET")) {
      continue;
    }
    const std::string& rank = patterns_[i].rank;
    if (best.route == nullptr || rank < best_rank ||
        (rank == best_rank && exact && !best_is_exact)) {
      best.route = &route;
      best.params = std::move(*params);
      best_rank = rank;
      best_is_exact = exact;
    }
  }
  best.allow = join(methods);
  return best;
}

}  // namespace hub::api

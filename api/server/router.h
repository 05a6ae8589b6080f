#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "api/server/http.h"

namespace hub::api {

// The table of routes. Built once, then constant: any thread may match.
// Among rows that match, the one with the earliest literal segment wins: "/models/import" before
// "/models/{id}" before "/{path*}".
class Router {
 public:
  // Throws base::Error kInternal when two rows answer the same method and paths, or a pattern is
  // malformed.
  explicit Router(std::vector<Route> routes);

  struct Match {
    const Route* route = nullptr;               // null: see `allow`
    std::map<std::string, std::string> params;  // percent-decoded
    std::string allow;  // methods that the path has ("GET, HEAD, OPTIONS"); "" when it is unknown
  };
  // `raw_path` is the target without its query, still percent-encoded, so that %2F does not split a
  // segment. Throws base::Error kInvalidArgument for broken percent-encoding.
  [[nodiscard]] Match match(std::string_view method, std::string_view raw_path) const;

  // In the order given: for the test that compares it with api/openapi.yaml.
  [[nodiscard]] const std::vector<Route>& routes() const { return routes_; }

 private:
  struct Pattern {
    std::vector<std::string> segments;  // "{" first: a parameter; "{…*}": the rest
    std::string rank;                   // smaller is more specific
  };
  std::vector<Route> routes_;
  std::vector<Pattern> patterns_;  // one a route
};

}  // namespace hub::api

// Request targets: their parts, percent-encoding, queries, and the route table.
#include <string>

#include "api/server/router.h"
#include "api/server/uri.h"
#include "tests/fuzz/fuzz_target.h"

namespace hub::fuzz {
namespace {

api::Router routes() {
  std::vector<api::Route> table;
  for (const char* pattern :
       {"/",
        "/models",
        "/models/{id}",
        "/models/import",
        "/models/{id}/versions/{number}",
        "/v1/{path*}",
        "/{path*}"}) {
    table.push_back({.method = "GET", .pattern = pattern, .handler = [](const api::Request&) {
                       return api::Response{};
                     }});
  }
  table.push_back({.method = "POST", .pattern = "/models", .handler = [](const api::Request&) {
                     return api::Response{};
                   }});
  return api::Router(std::move(table));
}

void check_route(std::string_view path) {
  static const api::Router router = routes();
  accepts([&] {
    const auto match = router.match("GET", path);
    if (match.route == nullptr) {  // a segment that would leave a folder
      const std::string decoded = api::percent_decode(path);
      require(
          path.find('%') != std::string_view::npos || decoded.find("/.") != std::string::npos ||
              decoded.find('\\') != std::string::npos,
          "a pattern for the rest matches every path but those");
    }
    for (const auto& [name, value] : match.params) {
      require(name == "path" || !value.empty(), "a parameter is not empty");
    }
  });
}

}  // namespace

void run(std::string_view input) {
  const std::string encoded = api::percent_encode(input);
  if (input.find('\0') == std::string_view::npos) {
    require(api::percent_decode(encoded) == input, "what was encoded is decoded");
    require(api::percent_decode(encoded, true) == input, "also in a form");
  }
  accepts([&] {
    const std::string decoded = api::percent_decode(input);
    require(decoded.size() <= input.size(), "decoding makes nothing longer");
    require(decoded.find('\0') == std::string::npos, "and lets no NUL through");
  });
  if (const auto target = api::parse_target(input)) {
    require(target->path == "*" || target->path.starts_with('/'), "a path begins with a slash");
    require(target->path.find('?') == std::string_view::npos, "and holds no query");
    std::size_t bytes = 0;
    for (const std::string_view segment : api::path_segments(target->path)) {
      require(segment.find('/') == std::string_view::npos, "a segment holds no slash");
      bytes += segment.size();
    }
    require(bytes <= target->path.size(), "segments are parts of the path");
    accepts([&] { static_cast<void>(api::parse_query(target->query)); });
    if (target->path != "*") {
      check_route(target->path);
    }
  }
}

}  // namespace hub::fuzz

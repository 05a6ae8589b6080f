#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "api/server/server.h"
#include "core/base/ids.h"

namespace hub::test {

// A folder of its own that is removed at the end.
class TempFolder {
 public:
  TempFolder()
      : path_(std::filesystem::temp_directory_path() / ("hub-" + base::new_id().substr(19))) {
    std::filesystem::create_directories(path_);
  }
  ~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

inline api::Server::Options loopback_options() {
  api::Server::Options options;
  options.addresses = {
      {.host = "127.0.0.1", .port = 0, .optional = false},
      {.host = "::1", .port = 0, .optional = true}};
  options.access_log = false;
  return options;
}

inline api::Route route(
    std::string method, std::string pattern, api::Handler handler, bool upload = false) {
  return {std::move(method), std::move(pattern), std::move(handler), upload};
}

// POST /echo answers with the body, GET /hello with "hello".
inline api::Route echo() {
  return route("POST", "/echo", [](const api::Request& request) {
    return api::json_response(200, request.body);
  });
}
inline api::Route hello() {
  return route(
      "GET", "/hello", [](const api::Request&) { return api::json_response(200, "\"hello\""); });
}

// A started server on any free port.
class TestServer {
 public:
  explicit TestServer(
      std::vector<api::Route> routes, api::Server::Options options = loopback_options())
      : server_(std::move(options), api::Router(std::move(routes))) {
    server_.start();
  }
  [[nodiscard]] std::uint16_t port() const { return server_.port(); }
  api::Server& operator*() { return server_; }
  api::Server* operator->() { return &server_; }

 private:
  api::Server server_;
};

}  // namespace hub::test

#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "api/server/http.h"

namespace hub::api {

// One request over a Unix socket and its answer as it arrives. One thread, except cancel().
class UpstreamConnection {
 public:
  UpstreamConnection();
  ~UpstreamConnection();
  UpstreamConnection(const UpstreamConnection&) = delete;
  UpstreamConnection& operator=(const UpstreamConnection&) = delete;

  // Connects and sends. False when nobody listens or it is cancelled.
  bool open(const std::filesystem::path& socket_path, std::string_view request_bytes);

  struct Head {
    int status = 0;
    Headers headers;                           // repeated ones joined by ", "
    bool known_length = false;                 // Content-Length was there, or there is no body
    std::optional<std::uint64_t> announced{};  // Content-Length
  };
  // nullopt when the other side ends or sends no HTTP before the head is complete. `of_head`: the
  // request was HEAD, no body follows.
  std::optional<Head> read_head(bool of_head);

  // The next bytes of the body; "" after the last one; nullopt when the other side ended too early.
  std::optional<std::string> read_body();

  // Ends the connection now; what waits in another function returns. Any thread.
  void cancel();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace hub::api

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/server/http.h"
#include "api/server/router.h"
#include "api/server/tls_files.h"

namespace hub::api {

// What was answered, for metrics: called once a request, after its last byte, on the server's I/O
// thread; must not block.
struct Access {
  std::string method;
  std::string route;  // the pattern, "" when none matched: keeps metric labels bounded
  int status = 0;     // 499: the client went away before the answer
  double seconds = 0;
  std::uint64_t body_bytes = 0;      // sent
  const Request* request = nullptr;  // until the call returns
};

// An HTTP/1.1 server: one I/O thread for all connections, a bounded pool of threads for handlers.
class Server {
 public:
  struct Address {
    std::string host;        // an IP address: "127.0.0.1", "::1"
    std::uint16_t port = 0;  // 0: any free port, the same for all addresses given with 0
    bool optional = false;   // a machine without this address family is fine
  };
  struct Options {
    std::vector<Address> addresses;     // none: only the Unix socket
    std::filesystem::path socket_path;  // "": none. A socket file left by a dead server is replaced
    std::optional<TlsFiles> tls;        // https on all addresses, not on the Unix socket
    bool allow_non_loopback = false;    // otherwise a non-loopback address is refused
    // Called with the request's head before its body is read; throws base::Error to refuse, may set
    // answer_headers. For Guard. Runs on the I/O thread: must not block.
    std::function<void(Request&)> admit;
    // The same once the route is known; may set key_id. For keys.
    std::function<void(Request&, const Route&)> authorize;
    // May rewrite an answer of status 400 and above that is no stream: the forms of other APIs.
    // Runs on the I/O thread or a handler's, several at once: must not block, nor throw.
    std::function<void(const Request&, Response&)> shape_error;
    std::function<void(const Access&)> on_finish;
    bool access_log = true;

    std::size_t body_limit_bytes = 8U << 20U;
    std::size_t header_limit_bytes = 64U << 10U;
    std::size_t target_limit_bytes = 16U << 10U;        // the request line's target: 414 beyond
    std::filesystem::path upload_folder;                // must be there; "": uploads answer 501
    std::uint64_t upload_limit_bytes = 64ULL << 30U;    // 413 beyond
    std::size_t max_connections = 1024;                 // 503 beyond
    std::size_t max_handlers = 256;                     // threads; grown on demand
    std::size_t max_waiting = 64;                       // requests waiting for a thread: 503 beyond
    std::chrono::milliseconds waiting_timeout{10'000};  // for a thread, then 503
    std::chrono::milliseconds header_timeout{15'000};  // from the first byte to the last of a head;
                                                       // for a TLS handshake
    std::chrono::milliseconds idle_timeout{75'000};    // between requests
    std::chrono::milliseconds body_timeout{30'000};    // without a byte of an announced body
    std::uint64_t body_bytes_per_second = 500;         // of a body that takes longer, on average
    std::chrono::milliseconds write_timeout{60'000};   // without the client taking a byte
  };

  // Throws base::Error kInvalidArgument for a non-loopback address that is not allowed or a socket
  // path that is too long, and for certificate files that cannot be used.
  Server(Options options, Router router);
  ~Server();  // stop(0)
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Listens and serves on threads of its own. Throws base::Error kUnavailable when an address is in
  // use or cannot be bound.
  void start();

  // Accepts nothing more, lets requests in flight end for at most `drain`, then cancels them as if
  // their clients had gone, and joins all threads: returns when the last handler has returned.
  void stop(std::chrono::milliseconds drain);

  // After start(): "http://127.0.0.1:8000", "https://[::1]:8000", "unix:/path".
  [[nodiscard]] std::vector<std::string> endpoints() const;
  // Requests whose handler runs, waits for a thread, or whose answer is being sent. Any thread.
  [[nodiscard]] std::int64_t active_requests() const;
  // The port in use; 0 without addresses.
  [[nodiscard]] std::uint16_t port() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hub::api

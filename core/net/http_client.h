#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hub::net {

// A field of a multipart/form-data body: text, or a file that is streamed from disk.
struct FormField {
  std::string name;
  std::string value;
  std::filesystem::path file;  // "": `value` is sent
};

struct HttpRequest {
  std::string method = "GET";
  std::string url;                    // http or https
  std::filesystem::path unix_socket;  // connect here instead of to the URL's host
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::vector<FormField> form;  // instead of `body`
  // Instead of `body`: so many bytes of a file from an offset on, streamed. `on_sent` hears how
  // many of them were handed to the connection.
  std::filesystem::path body_file;
  std::uint64_t body_file_offset = 0;
  std::uint64_t body_file_bytes = 0;
  std::function<void(std::uint64_t)> on_sent;

  std::chrono::milliseconds connect_timeout{5'000};
  std::chrono::milliseconds timeout{60'000};     // for the whole call; 0: none
  std::chrono::milliseconds stall_timeout{0};    // without a byte for so long; 0: none
  int redirects = 0;                             // followed at most
  std::size_t body_limit_bytes = 256ULL << 20U;  // of an answer that is collected
  // Calls with GET, HEAD, PUT or DELETE are tried again this often after a failed connection or
  // 429, 502, 503, 504: with back-off, or as Retry-After says (at most 30 s).
  int retries = 0;
  std::chrono::milliseconds first_backoff{200};  // doubles
  const std::atomic<bool>* cancelled = nullptr;  // looked at about once a second; null: never

  // Certificates that an https server's must lead to, in PEM. "": those of SSL_CERT_FILE, else the
  // system's.
  std::filesystem::path ca_file;
  bool verify_tls = true;  // false: anybody may answer
};

struct HttpResponse {
  int status = 0;
  std::map<std::string, std::string> headers;  // names in lower case; the last of repeated ones
  std::string body;
  // "" when absent; `name` in lower case.
  [[nodiscard]] std::string header(const std::string& name) const;
};

// The wait that an answer's Retry-After asks for, at most 30 s; nullopt without one in seconds.
std::optional<std::chrono::milliseconds> retry_after(const HttpResponse& response);

// Outgoing HTTP over libcurl. Keeps connections between calls. One thread at a time. Statuses are
// results, not errors. A proxy of the environment is used except for this machine's own addresses.
class HttpClient {
 public:
  HttpClient();
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // Throws base::Error: kUnavailable "cannot reach http://…: connection refused" (reason
  // "connection_refused", "timeout", "connection_lost", "untrusted" (its certificate, or ca_file
  // cannot be read) or "unreachable"), kInvalidArgument for a URL that is none, kTooLarge beyond
  // body_limit_bytes, kCancelled.
  HttpResponse send(const HttpRequest& request);

  // As send(), without retries, but hands the body of an answer below 400 over as it arrives;
  // `on_data` returns false to stop, which is no error. Other bodies are in the result. `on_head`
  // is called with status and headers before the first byte; what it throws ends the call.
  HttpResponse stream(
      const HttpRequest& request,
      const std::function<bool(std::string_view)>& on_data,
      const std::function<void(const HttpResponse&)>& on_head = {});

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace hub::net

#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/json.h"
#include "core/net/http_client.h"
#include "core/net/sse_reader.h"

namespace hub::api {

// Calls of a hub's HTTP API; refusals become base::Error with the server's message, param and code.
// One thread.
class HubClient {
 public:
  // `url` without a slash at the end. `key`: an API key that every call carries; "": none.
  explicit HubClient(std::string url, std::string key = {});

  // Throw base::Error: what the server refused, or kUnavailable "cannot reach …; is `mlx-hub serve`
  // running?".
  base::Json get(const std::string& path);
  base::Json post(const std::string& path, const base::Json& body);
  // As post(), for what may take as long as it takes (copying gigabytes). `request_id`, unless "",
  // is what the hub calls it by.
  base::Json post_slowly(
      const std::string& path, const base::Json& body, const std::string& request_id = {});
  void remove(const std::string& path);
  base::Json upload(
      const std::string& path,
      const std::string& name,
      const std::filesystem::path& file,
      const std::string& request_id = {});
  // Hands the body of an answer over as it arrives; `take` throws to stop. Throws as get();
  // kUnavailable when the answer breaks off.
  void download(const std::string& path, const std::function<void(std::string_view)>& take);
  // All pages of a list: {"data": […]}; at most `limit` rows where given.
  base::Json list(const std::string& path, std::optional<std::size_t> limit = std::nullopt);
  // True when GET answers below 400; never throws for one that cannot be reached.
  bool succeeds(const std::string& path);

  // Streams the events of an answer until it ends or `on_event` returns false. `body` null: GET.
  // Starts after `reader.last_id()`. Throws as get(); kUnavailable when the stream breaks off.
  void events(
      const std::string& path,
      const base::Json& body,
      net::SseReader& reader,
      const std::function<bool(const net::SseReader::Event&)>& on_event);

  // Calls end with kCancelled within about a second once it becomes true.
  void cancel_with(const std::atomic<bool>& cancelled) { cancelled_ = &cancelled; }
  [[nodiscard]] const std::string& url() const { return url_; }
  // A client of the same hub, for another thread; nothing cancels its calls.
  [[nodiscard]] HubClient another() const { return HubClient(url_, key_); }

 private:
  [[nodiscard]] net::HttpRequest request(const std::string& method, const std::string& path) const;
  base::Json call(const net::HttpRequest& request);

  const std::string url_;
  const std::string key_;
  net::HttpClient http_;
  const std::atomic<bool>* cancelled_ = nullptr;
};

// The error that an answer's body tells; for bodies in another form one that names the status.
[[noreturn]] void throw_refusal(int status, std::string_view body);

// Whether a URL's host is this machine's own loopback address: who is called there is as certain
// with https as it is with http, though a certificate is made out to the name by which others call.
bool is_own_machine(std::string_view url);

}  // namespace hub::api

#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "core/hf/settings.h"
#include "core/hf/snapshot.h"
#include "core/net/http_client.h"

namespace hub::hf {

// Questions about one repository of the Hub. One thread. What the Hub refuses becomes base::Error
// that says what to do:
//   kNotFound          "repository_not_found", "revision_not_found", "file_not_found"
//   kPermissionDenied  "hub_token_required", "hub_token_refused", "repository_gated",
//                      "hub_forbidden"
//   kRateLimited       "hub_rate_limited"
//   kUnavailable       "hub_unreachable" (offline), "hub_unavailable" (5xx), "untrusted" (its
//                      certificate)
class Client {
 public:
  // Calls end with kCancelled soon after `cancelled` becomes true; null: never.
  Client(Settings settings, std::string repository, const std::atomic<bool>* cancelled = nullptr);

  // GET /api/models/{repo}/revision/{revision}?blobs=true: the commit and the files in the root.
  Snapshot snapshot(const std::string& revision);

  // HEAD /{repo}/resolve/{commit}/{name}: size and content name, for mirrors whose list has none.
  RemoteFile resolve(const std::string& commit, const std::string& name);

  // `count` bytes from `begin` on, fewer at the file's end. Throws also when the answer is longer.
  std::string read(
      const std::string& commit, const std::string& name, std::int64_t begin, std::int64_t count);

  // For a GET of the file's bytes from `begin` on, redirects (renamed repositories, LFS hosts)
  // followed; libcurl leaves the token out when the host changes.
  [[nodiscard]] net::HttpRequest file_request(
      const std::string& commit, const std::string& name, std::int64_t begin) const;

  // A request for a path below the endpoint, with the token.
  [[nodiscard]] net::HttpRequest request(const std::string& method, const std::string& path) const;

  // Throws what an answer of 400 and above means; `what` is what was tried ("get config.json of
  // org/name").
  [[noreturn]] void refuse(const net::HttpResponse& response, const std::string& what) const;

  // Sends; a Hub that cannot be reached becomes "hub_unreachable" with what to do.
  net::HttpResponse send(const net::HttpRequest& request);

  [[nodiscard]] const Settings& settings() const { return settings_; }
  [[nodiscard]] const std::string& repository() const { return repository_; }

 private:
  const Settings settings_;
  const std::string repository_;
  const std::atomic<bool>* cancelled_;
  net::HttpClient http_;
};

// True for failures of the connection, which a repeated call may not have.
bool is_connection_failure(const std::string& reason);

}  // namespace hub::hf

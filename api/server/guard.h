#pragma once

#include <set>
#include <string>
#include <vector>

#include "api/server/http.h"

namespace hub::api {

// What every request from outside must pass before anything else looks at it: protection against
// DNS rebinding and cross-site requests by a browser, and against headers that only the proxy may
// set. Constant after construction.
class Guard {
 public:
  struct Config {
    // Names besides localhost, 127.0.0.1 and [::1] under which this server may be addressed,
    // without port. Compared without case; any port passes.
    std::vector<std::string> allowed_hosts;
    // Bound beyond loopback: any IP address is a name, too. A page that was rebound by DNS always
    // sends the name it was loaded from, never an address.
    bool any_address = false;
    // Whole origins ("http://localhost:3000") besides the server's own that may send requests.
    std::vector<std::string> allowed_origins;
  };
  explicit Guard(const Config& config);

  // Throws base::Error: kInvalidArgument for a missing Host or an `x-hub-…` header,
  // kPermissionDenied for a Host outside the list or a foreign Origin on a method that changes
  // something.
  void check(const Request& request) const;

  // The CORS headers of an answer to this request: none unless it comes from a page of an allowed
  // origin. Without them the browser keeps the answer from the page.
  [[nodiscard]] Headers cors_headers(const Request& request) const;

 private:
  const bool any_address_;
  std::set<std::string> hosts_;    // lower case, without port
  std::set<std::string> origins_;  // lower case
};

}  // namespace hub::api

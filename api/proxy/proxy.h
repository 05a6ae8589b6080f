#pragma once

#include <filesystem>
#include <functional>

#include "api/server/http.h"
#include "core/base/error.h"

namespace hub::api {

// Where a request goes on to.
struct Upstream {
  std::filesystem::path socket_path;  // a worker's Unix socket
  Headers headers;     // the proxy's own (X-Hub-…): replace what came under these names
  std::string target;  // path and query there; "": as they came
  std::function<void()> on_loss{};  // called when it ends in the middle of a streamed answer
  // What the client then reads in place of the rest, from the error that says so; absent: the event
  // below.
  std::function<std::string(const base::Error&)> lost_text{};
};

// Reasons of forward()'s kUnavailable.
inline constexpr const char* kEngineUnavailable = "engine_unavailable";  // nobody listens
inline constexpr const char* kEngineLost = "engine_lost";  // it ended before its answer

// Sends the request on and passes the answer through; blocks until the answer's head is here (its
// body, too, when its length is known).
// - Event streams, NDJSON and bodies of unknown length go on byte by byte as they arrive; of the
//   first two only whole lines.
// - The client goes away: the upstream connection is closed at once, so that generation stops.
// - The upstream ends in the middle of an event stream: an event `data: {"error":{…,"code":
//   "engine_lost"}}`, no [DONE], or Upstream::lost_text, which a stream of NDJSON needs. In the
//   middle of another stream: the client's connection is cut.
// - Hop-by-hop headers stay on their side, and so do the client's credentials; X-Request-Id is the
//   request's.
// Throws base::Error: kUnavailable (with one of the reasons above), kCancelled when the client is
// gone.
Response forward(const Request& request, const Upstream& upstream);

}  // namespace hub::api

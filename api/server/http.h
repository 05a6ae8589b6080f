#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hub::api {

// Header names compare without case.
struct HeaderLess {
  bool operator()(const std::string& a, const std::string& b) const;
};
using Headers = std::map<std::string, std::string, HeaderLess>;

// One HTTP request, complete with its body. Handlers run on a pool of threads and may block.
struct Request {
  std::string method;                         // "GET"
  std::string path;                           // percent-decoded, without query: "/models/abc"
  std::string target;                         // as sent: "/models/abc?limit=3"
  std::map<std::string, std::string> query;   // percent-decoded; the last of repeated keys
  std::map<std::string, std::string> params;  // what the route's {names} matched
  Headers headers;
  std::string body;
  // Uploads of routes marked `upload` are on disk instead; the file is removed when the request
  // ends unless renamed away.
  std::string body_file;
  std::string request_id;
  // Becomes true when the client is gone; long handlers look at it.
  std::shared_ptr<std::atomic<bool>> cancelled = std::make_shared<std::atomic<bool>>(false);
  // Called once, on another thread, when the client goes away while the handler runs (for closing
  // an upstream). May be empty.
  std::shared_ptr<std::function<void()>> on_cancel = std::make_shared<std::function<void()>>();

  // "" when absent.
  [[nodiscard]] std::string header(std::string_view name) const;
  [[nodiscard]] std::string query_value(std::string_view name, std::string fallback = {}) const;
};

// What a streaming answer is written to. Belongs to the handler's thread.
class BodyWriter {
 public:
  virtual ~BodyWriter() = default;
  // Sends one chunk now and waits until the socket took it. False when the client is gone: stop
  // producing.
  virtual bool write(std::string_view bytes) = 0;
};

struct Response {
  int status = 200;
  Headers headers;
  std::string body;
  // Set for answers of unknown length (SSE): runs after the header was sent, on the handler's
  // thread.
  std::function<void(BodyWriter&)> stream;
  // Set to send a file (ranges and ETag handled by the server).
  std::optional<std::string> file;
};

using Handler = std::function<Response(const Request&)>;

// One row of the route table. Pattern segments in braces match one non-empty segment:
// "/models/{id}/versions".
struct Route {
  std::string method;
  std::string pattern;
  Handler handler;
  bool upload = false;  // the body goes to a file and may exceed the body limit
};

// A JSON answer with content type and trailing newline.
Response json_response(int status, std::string body);

}  // namespace hub::api

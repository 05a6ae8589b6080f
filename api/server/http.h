#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
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

// What to do when the client goes away while its request is handled. Any thread may call any
// function.
class CancelHook {
 public:
  // Sets the callback, or clears it with {}; waits while an earlier one runs, so that what it
  // refers to may be destroyed afterwards. Runs it at once, on the calling thread, when the client
  // has gone already.
  CancelHook& operator=(std::function<void()> callback);
  // Runs the callback, the first time only. The callback must not touch the hook.
  void fire();

 private:
  std::mutex mutex_;
  std::function<void()> callback_;  // guarded by mutex_
  bool fired_ = false;              // guarded by mutex_
};

// One HTTP request, complete with its body. Handlers run on a pool of threads and may block. The
// request lives until its answer, including a stream, has ended.
struct Request {
  std::string method;                         // "GET"
  std::string path;                           // percent-decoded, without query: "/models/abc"
  std::string target;                         // as sent: "/models/abc?limit=3"
  std::string route;                          // the pattern that matched: "/models/{id}"
  std::map<std::string, std::string> query;   // percent-decoded; the last of repeated keys.
                                              // Text fields of a multipart upload come here, too
  std::map<std::string, std::string> params;  // what the route's {names} matched, percent-decoded
  Headers headers;                            // repeated ones joined by ", "
  std::string body;
  // Uploads of routes marked `upload` are on disk instead (see Route); the file is removed when the
  // request ends unless renamed away.
  std::string body_file;
  std::string file_name;  // an upload's own name without folders, or ""; never used as a path
  std::string request_id;
  // Its place in a trace (W3C Trace Context), for log lines and spans; "" where it has none.
  std::string trace_id;
  std::string span_id;         // its own span's, where spans are exported
  std::string parent_span_id;  // the caller's span
  bool sampled = false;        // its spans are exported
  std::string key_id;          // the API key that came and was found good; "" where none did
  std::string key_name;        // its name
  std::string client;          // the peer's IP address; "" over a Unix socket
  mutable std::string model;   // the one that its body asks for: set by the handler, for the log
  Headers answer_headers;      // what admission adds to the answer, whatever it is (CORS)
  // Becomes true when the client is gone; long handlers look at it.
  std::shared_ptr<std::atomic<bool>> cancelled = std::make_shared<std::atomic<bool>>(false);
  // Becomes true when the server stops: streams without an end of their own look at it at least
  // once a second and return.
  std::shared_ptr<std::atomic<bool>> stopping = std::make_shared<std::atomic<bool>>(false);
  // Called once, on another thread, when the client goes away while the handler runs (for closing
  // an upstream): `*request.on_cancel = [..] {..};`.
  std::shared_ptr<CancelHook> on_cancel = std::make_shared<CancelHook>();

  // "" when absent.
  [[nodiscard]] std::string header(std::string_view name) const;
  [[nodiscard]] std::string query_value(
      std::string_view name, const std::string& fallback = {}) const;
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
  // thread. When it throws, the connection is cut so that the client sees a broken answer, not a
  // complete one.
  std::function<void(BodyWriter&)> stream;
  // Set to send a regular file: ranges, ETag (unless the handler set one), Last-Modified and 304
  // are handled by the server; 404 when it is not there.
  std::optional<std::string> file;
  // Of a HEAD's answer whose body was not made: how long it would be.
  std::optional<std::uint64_t> body_size;
};

// What a caller's API key must allow for a route. Who knows keys decides (Server::Options).
enum class Permission : std::uint8_t {
  kOpen,    // no key at all
  kAnyKey,  // any good key
  kRead,    // look at models, data sets, jobs, events, the system
  kInfer,   // generate
  kTrain,   // change models, data sets, jobs
  kAdmin,   // keys, settings, the machine
};

using Handler = std::function<Response(const Request&)>;

// One row of the route table. Pattern segments in braces match one non-empty segment:
// "/models/{id}/versions"; a last segment "{path*}" matches the rest, also none of it. A slash at
// the end of the request's path makes no difference. HEAD is answered by the GET row.
struct Route {
  std::string method;
  std::string pattern;
  Handler handler;
  // The body may exceed the body limit: multipart/form-data (one file, its text fields into
  // `query`) and raw bodies go to Request.body_file; application/json stays in Request.body.
  bool upload = false;
  // A route that does not say what it needs is for administrators.
  Permission permission = Permission::kAdmin;
  // Set: there is nothing behind it, and this says what is instead. Who may call it is answered 501
  // by the head alone: no body is read or stored, whatever its media type, and no handler runs.
  std::string not_supported{};
};

// A JSON answer with content type and trailing newline.
Response json_response(int status, std::string body);

}  // namespace hub::api

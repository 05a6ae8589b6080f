#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "api/server/http.h"

namespace hub::api {

// Server-sent events (WHATWG HTML, section 9.2).
struct SseEvent {
  std::string_view data;   // may hold line breaks; each line gets its own "data:"
  std::string_view event;  // "": no event line (the browser's "message")
  std::string_view id;     // "": no id line
  std::optional<std::int64_t> retry_ms;
};

// The event's bytes with the empty line that ends it. Line breaks in `event` and `id` are dropped.
std::string sse_event(const SseEvent& event);

// ": text" and an empty line: keeps proxies and clients from giving up.
std::string sse_comment(std::string_view text);

// Writes events to a stream; every function is false when the client is gone. One thread.
class SseWriter {
 public:
  explicit SseWriter(BodyWriter& body) : body_(body) {}
  bool send(const SseEvent& event) { return body_.write(sse_event(event)); }
  bool data(std::string_view text) {
    return send({.data = text, .event = {}, .id = {}, .retry_ms = {}});
  }
  bool comment(std::string_view text = "keep-alive") { return body_.write(sse_comment(text)); }

 private:
  BodyWriter& body_;
};

// An event-stream answer (no caching, no buffering); `produce` runs after the header was sent.
Response sse_response(std::function<void(SseWriter&)> produce);

}  // namespace hub::api

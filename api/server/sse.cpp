#include "api/server/sse.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace hub::api {
namespace {

std::string one_line(std::string_view text) {
  std::string line(text);
  std::erase_if(
      line, [](char letter) { return letter == '\n' || letter == '\r' || letter == '\0'; });
  return line;
}

// Each line with its own prefix; CR, LF and CRLF all end a line.
void append_lines(std::string& out, std::string_view prefix, std::string_view text) {
  while (true) {
    const std::size_t end = text.find_first_of("\r\n");
    out.append(prefix).append(text.substr(0, end)).append("\n");
    if (end == std::string_view::npos) {
      return;
    }
    const bool pair = text.substr(end).starts_with("\r\n");
    text.remove_prefix(end + (pair ? 2 : 1));
  }
}

}  // namespace

std::string sse_event(const SseEvent& event) {
  std::string out;
  if (event.retry_ms) {
    out += fmt::format("retry: {}\n", *event.retry_ms);
  }
  if (!event.id.empty()) {
    out += fmt::format("id: {}\n", one_line(event.id));
  }
  if (!event.event.empty()) {
    out += fmt::format("event: {}\n", one_line(event.event));
  }
  append_lines(out, "data: ", event.data);
  out += '\n';
  return out;
}

std::string sse_comment(std::string_view text) {
  std::string out;
  append_lines(out, ": ", text);
  out += '\n';
  return out;
}

Response sse_response(std::function<void(SseWriter&)> produce) {
  Response response;
  response.headers["Content-Type"] = "text/event-stream; charset=utf-8";
  response.headers["Cache-Control"] = "no-cache";
  response.headers["X-Accel-Buffering"] = "no";
  response.stream = [produce = std::move(produce)](BodyWriter& body) {
    SseWriter writer(body);
    produce(writer);
  };
  return response;
}

}  // namespace hub::api

#include "core/net/sse_reader.h"

#include <charconv>
#include <utility>

namespace hub::net {

bool SseReader::feed(std::string_view bytes, const std::function<bool(const Event&)>& on_event) {
  while (!bytes.empty()) {
    if (after_cr_) {
      after_cr_ = false;
      if (bytes.front() == '\n') {
        bytes.remove_prefix(1);
        continue;
      }
    }
    const std::size_t end = bytes.find_first_of("\r\n");
    if (end == std::string_view::npos) {
      buffer_ += bytes;
      return true;
    }
    buffer_ += bytes.substr(0, end);
    after_cr_ = bytes[end] == '\r';
    bytes.remove_prefix(end + 1);
    const std::string line = std::exchange(buffer_, {});
    if (!take_line(line, on_event)) {
      return false;
    }
  }
  return true;
}

void SseReader::reconnect() {
  buffer_.clear();
  event_.clear();
  data_.clear();
  after_cr_ = false;
  has_data_ = false;
}

bool SseReader::take_line(
    std::string_view line, const std::function<bool(const Event&)>& on_event) {
  if (line.empty()) {
    const bool complete = std::exchange(has_data_, false);
    Event event{std::exchange(event_, {}), std::exchange(data_, {}), last_id_};
    return !complete || on_event(event);
  }
  const std::size_t colon = line.find(':');
  const std::string_view field = line.substr(0, colon);
  std::string_view value =
      colon == std::string_view::npos ? std::string_view() : line.substr(colon + 1);
  if (value.starts_with(' ')) {
    value.remove_prefix(1);
  }
  if (field == "data") {
    data_ += has_data_ ? "\n" : "";
    data_ += value;
    has_data_ = true;
  } else if (field == "event") {
    event_ = value;
  } else if (field == "id" && value.find('\0') == std::string_view::npos) {
    last_id_ = value;
  } else if (field == "retry") {
    long ms = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), ms);
    if (error == std::errc() && end == value.data() + value.size() && ms >= 0) {
      retry_ = std::chrono::milliseconds(ms);
    }
  }
  return true;
}

}  // namespace hub::net

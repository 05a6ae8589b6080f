#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace hub::net {

// Takes the bytes of an event stream, cut anywhere, apart into events (WHATWG HTML, section
// 9.2.6). One thread.
class SseReader {
 public:
  struct Event {
    std::string event;  // "" for the plain kind
    std::string data;   // its lines joined by "\n"
    std::string id;     // the last id seen so far
  };

  // Returns false as soon as `on_event` does: the rest of `bytes` is dropped.
  bool feed(std::string_view bytes, const std::function<bool(const Event&)>& on_event);

  // A new connection: an event that was not complete is forgotten, the last id stays.
  void reconnect();

  [[nodiscard]] const std::string& last_id() const { return last_id_; }
  // What the server asked for by "retry:".
  [[nodiscard]] std::optional<std::chrono::milliseconds> retry() const { return retry_; }

 private:
  bool take_line(std::string_view line, const std::function<bool(const Event&)>& on_event);

  std::string buffer_;
  bool after_cr_ = false;  // a "\n" that follows belongs to the line that just ended
  bool has_data_ = false;
  std::string event_;
  std::string data_;
  std::string last_id_;
  std::optional<std::chrono::milliseconds> retry_;
};

}  // namespace hub::net

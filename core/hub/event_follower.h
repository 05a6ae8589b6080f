#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "core/jobs/event_log.h"

namespace hub::hub {

// Hands every event that comes after start() to a function, in order, on a thread of its own.
class EventFollower {
 public:
  // `name` is for the log. `follow` may throw: that event is passed over and logged.
  EventFollower(
      jobs::EventLog& events, std::string name, std::function<void(const jobs::Event&)> follow);
  ~EventFollower();  // stop()
  EventFollower(const EventFollower&) = delete;
  EventFollower& operator=(const EventFollower&) = delete;

  void start();
  // After a last look at the log. Idempotent.
  void stop();

 private:
  void work();
  // True when stop() was called.
  bool wait(std::uint64_t seen);
  // False where there may be more.
  bool take_page();

  jobs::EventLog& events_;
  const std::string name_;
  const std::function<void(const jobs::Event&)> follow_;
  std::int64_t after_ = 0;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace hub::hub

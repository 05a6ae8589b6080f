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
  // `name` is for the log. `after_look` is called once all events there are were handed over, at
  // least once a second. Both may throw: an event is passed over then, and it is logged.
  EventFollower(
      jobs::EventLog& events,
      std::string name,
      std::function<void(const jobs::Event&)> follow,
      std::function<void()> after_look = {});
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
  const std::function<void()> after_look_;
  std::int64_t after_ = 0;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace hub::hub

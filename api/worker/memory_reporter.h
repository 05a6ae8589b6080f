#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

namespace hub::api {

// Emits the event "memory" at once and then every `interval`, from a thread of its own, until it is
// destroyed; calls `also` each time.
class MemoryReporter {
 public:
  explicit MemoryReporter(std::chrono::milliseconds interval, std::function<void()> also = nullptr);
  ~MemoryReporter();
  MemoryReporter(const MemoryReporter&) = delete;
  MemoryReporter& operator=(const MemoryReporter&) = delete;

 private:
  void run(std::chrono::milliseconds interval);

  const std::function<void()> also_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace hub::api

#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace hub::api {

// Emits the event "memory" at once and then every `interval`, from a thread of its own, until it is
// destroyed.
class MemoryReporter {
 public:
  explicit MemoryReporter(std::chrono::milliseconds interval);
  ~MemoryReporter();
  MemoryReporter(const MemoryReporter&) = delete;
  MemoryReporter& operator=(const MemoryReporter&) = delete;

 private:
  void run(std::chrono::milliseconds interval);

  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace hub::api

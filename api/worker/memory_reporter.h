#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>

#include "core/engine/engine.h"

namespace hub::api {

// Emits the event "memory" at once and then every `interval`, from a thread of its own, until it is
// destroyed.
class MemoryReporter {
 public:
  MemoryReporter(const engine::Engine& engine, std::chrono::milliseconds interval);
  ~MemoryReporter();
  MemoryReporter(const MemoryReporter&) = delete;
  MemoryReporter& operator=(const MemoryReporter&) = delete;

 private:
  void run(std::chrono::milliseconds interval);

  const engine::Engine& engine_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;  // guarded by mutex_
  std::thread thread_;
};

// Bytes of this process in physical memory; 0 where the system does not say.
std::uint64_t resident_bytes();

}  // namespace hub::api

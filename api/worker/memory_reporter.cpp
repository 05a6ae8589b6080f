#include "api/worker/memory_reporter.h"

#include <utility>

#include <nlohmann/json.hpp>

#include "api/worker/memory_event.h"
#include "core/base/worker_protocol.h"

namespace hub::api {

MemoryReporter::MemoryReporter(std::chrono::milliseconds interval, std::function<void()> also)
    : also_(std::move(also)), thread_([this, interval] { run(interval); }) {}

MemoryReporter::~MemoryReporter() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

void MemoryReporter::run(std::chrono::milliseconds interval) {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    base::emit_event("memory", memory_event());
    if (also_) {
      also_();
    }
    wake_.wait_for(lock, interval, [this] { return stopping_; });
  }
}

}  // namespace hub::api

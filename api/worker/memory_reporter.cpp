#include "api/worker/memory_reporter.h"

#include <fstream>

#include <nlohmann/json.hpp>
#include <unistd.h>
#ifdef __APPLE__
#include <mach/mach.h>
#endif

#include "core/base/worker_protocol.h"

namespace hub::api {

std::uint64_t resident_bytes() {
#ifdef __APPLE__
  mach_task_basic_info info{};
  mach_msg_type_number_t count = MACH_TASK_BASIC_INFO_COUNT;
  const kern_return_t answer = task_info(
      mach_task_self(), MACH_TASK_BASIC_INFO, reinterpret_cast<task_info_t>(&info), &count);
  return answer == KERN_SUCCESS ? info.resident_size : 0;
#else
  std::ifstream file("/proc/self/statm");
  std::uint64_t total_pages = 0;
  std::uint64_t resident_pages = 0;
  file >> total_pages >> resident_pages;
  return resident_pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
#endif
}

MemoryReporter::MemoryReporter(const engine::Engine& engine, std::chrono::milliseconds interval)
    : engine_(engine), thread_([this, interval] { run(interval); }) {}

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
    const engine::EngineStats stats = engine_.stats();
    base::emit_event(
        "memory",
        {{"active_bytes", stats.active_bytes},
         {"cache_bytes", stats.cache_bytes},
         {"peak_bytes", stats.peak_bytes},
         {"resident_bytes", resident_bytes()}});
    wake_.wait_for(lock, interval, [this] { return stopping_; });
  }
}

}  // namespace hub::api

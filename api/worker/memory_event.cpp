#include "api/worker/memory_event.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "core/tensor/ops.h"

#if defined(__APPLE__)
#include <mach/mach.h>
#else
#include <fstream>

#include <unistd.h>
#endif

namespace hub::api {

std::uint64_t resident_bytes() {
#if defined(__APPLE__)
  mach_task_basic_info info{};
  mach_msg_type_number_t count = MACH_TASK_BASIC_INFO_COUNT;
  auto* out = reinterpret_cast<task_info_t>(&info);
  if (task_info(mach_task_self(), MACH_TASK_BASIC_INFO, out, &count) != KERN_SUCCESS) {
    return 0;
  }
  return info.resident_size;
#else
  std::ifstream file("/proc/self/statm");  // in pages: size resident …
  std::uint64_t size = 0;
  std::uint64_t resident = 0;
  if (!(file >> size >> resident)) {
    return 0;
  }
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
#endif
}

base::Json memory_event() {
  const tensor::Memory memory = tensor::memory();
  std::uint64_t resident = resident_bytes();
  if (tensor::default_device_is_gpu()) {
    resident = std::max(resident, memory.active + memory.cache);
  }
  base::Json event = {
      {"active_bytes", memory.active},
      {"cache_bytes", memory.cache},
      {"peak_bytes", memory.peak},
      {"resident_bytes", resident}};
  if (const auto limit = tensor::device_memory_limit()) {
    event["device_limit_bytes"] = *limit;
  }
  return event;
}

}  // namespace hub::api

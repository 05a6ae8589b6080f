#include "core/hub/process_info.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>

#include <signal.h>
#include <unistd.h>

#ifdef __APPLE__
#include <libproc.h>
#include <mach-o/dyld.h>
#include <mach/mach.h>
#include <sys/sysctl.h>
#endif

namespace hub::hub {

#ifdef __APPLE__

std::filesystem::path own_executable() {
  std::array<char, 4096> buffer{};
  std::uint32_t size = buffer.size();
  std::error_code error;
  return _NSGetExecutablePath(buffer.data(), &size) == 0
             ? std::filesystem::canonical(buffer.data(), error)
             : std::filesystem::path();
}

std::optional<std::uint64_t> process_start_time(pid_t pid) {
  proc_bsdinfo info{};
  if (proc_pidinfo(pid, PROC_PIDTBSDINFO, 0, &info, sizeof(info)) !=
      static_cast<int>(sizeof(info))) {
    return std::nullopt;
  }
  return static_cast<std::uint64_t>(info.pbi_start_tvsec) * 1000000U +
         static_cast<std::uint64_t>(info.pbi_start_tvusec);
}

std::uint64_t resident_bytes(pid_t pid) {
  proc_taskinfo info{};
  const bool known =
      proc_pidinfo(pid, PROC_PIDTASKINFO, 0, &info, sizeof(info)) == static_cast<int>(sizeof(info));
  return known ? info.pti_resident_size : 0;
}

std::uint64_t machine_memory_bytes() {
  std::uint64_t bytes = 0;
  std::size_t size = sizeof(bytes);
  return sysctlbyname("hw.memsize", &bytes, &size, nullptr, 0) == 0 ? bytes : 0;
}

std::uint64_t available_memory_bytes() {
  vm_statistics64_data_t statistics{};
  mach_msg_type_number_t count = HOST_VM_INFO64_COUNT;
  if (host_statistics64(
          mach_host_self(), HOST_VM_INFO64, reinterpret_cast<host_info64_t>(&statistics), &count) !=
      KERN_SUCCESS) {
    return 0;
  }
  const std::uint64_t pages =
      std::uint64_t{statistics.free_count} + statistics.inactive_count + statistics.purgeable_count;
  return pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

#else

std::filesystem::path own_executable() {
  std::error_code error;
  return std::filesystem::read_symlink("/proc/self/exe", error);
}

namespace {

// The number after `key` in /proc/meminfo, in bytes; 0 when absent.
std::uint64_t meminfo_bytes(const std::string& key) {
  std::ifstream file("/proc/meminfo");
  std::string name;
  std::uint64_t kilobytes = 0;
  std::string rest;
  while (file >> name >> kilobytes && std::getline(file, rest)) {
    if (name == key + ":") {
      return kilobytes * 1024U;
    }
  }
  return 0;
}

// A control group's limit (version 2); 0 when there is none.
std::uint64_t cgroup_limit_bytes() {
  std::ifstream file("/sys/fs/cgroup/memory.max");
  std::uint64_t bytes = 0;
  return file >> bytes ? bytes : 0;
}

}  // namespace

std::optional<std::uint64_t> process_start_time(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  if (!std::getline(file, line) || line.rfind(')') == std::string::npos) {
    return std::nullopt;
  }
  // Field 22 counted from 1; the name in parentheses (field 2) may hold blanks.
  std::istringstream fields(line.substr(line.rfind(')') + 2));
  std::string field;
  for (int i = 3; i <= 22; ++i) {
    fields >> field;
    // A process that ended but was not waited for is gone for our purposes.
    if (i == 3 && field == "Z") {
      return std::nullopt;
    }
  }
  return std::stoull(field);
}

std::uint64_t resident_bytes(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/statm");
  std::uint64_t total = 0;
  std::uint64_t resident = 0;
  return file >> total >> resident ? resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE))
                                   : 0;
}

std::uint64_t machine_memory_bytes() {
  const std::uint64_t machine = meminfo_bytes("MemTotal");
  const std::uint64_t limit = cgroup_limit_bytes();
  return limit > 0 ? std::min(machine, limit) : machine;
}

std::uint64_t available_memory_bytes() {
  return std::min(meminfo_bytes("MemAvailable"), machine_memory_bytes());
}

#endif

void end_process(pid_t pid, const std::string& start_time) {
  const auto lives = [&] {
    const auto started = process_start_time(pid);
    return started && std::to_string(*started) == start_time;
  };
  if (pid <= 1 || !lives()) {
    return;
  }
  ::kill(pid, SIGKILL);
  for (int tries = 0; tries < 500 && lives(); ++tries) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

}  // namespace hub::hub

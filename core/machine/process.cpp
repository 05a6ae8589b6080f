#include "core/machine/process.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <system_error>

#include <sys/resource.h>
#include <unistd.h>

#ifdef __APPLE__
#include <libproc.h>
#include <mach/mach_time.h>
#endif

namespace hub::machine {
namespace {

std::optional<std::uint64_t> descriptor_limit() {
  rlimit limit{};
  return ::getrlimit(RLIMIT_NOFILE, &limit) == 0
             ? std::optional(static_cast<std::uint64_t>(limit.rlim_cur))
             : std::nullopt;
}

}  // namespace

#ifdef __APPLE__

ProcessReading read_process(pid_t pid) {
  ProcessReading reading;
  proc_taskallinfo info{};
  if (::proc_pidinfo(pid, PROC_PIDTASKALLINFO, 0, &info, sizeof(info)) !=
      static_cast<int>(sizeof(info))) {
    return reading;
  }
  constexpr double nano = 1e-9;
  constexpr double micro = 1e-6;
  // In units of Mach's clock, which on Apple silicon are no nanoseconds.
  mach_timebase_info_data_t unit{};
  ::mach_timebase_info(&unit);
  reading.cpu_seconds =
      static_cast<double>(info.ptinfo.pti_total_user + info.ptinfo.pti_total_system) *
      static_cast<double>(unit.numer) / static_cast<double>(unit.denom) * nano;
  reading.resident_bytes = info.ptinfo.pti_resident_size;
  reading.threads = static_cast<std::uint64_t>(info.ptinfo.pti_threadnum);
  reading.open_descriptors = info.pbsd.pbi_nfiles;
  reading.start_time_seconds = static_cast<double>(info.pbsd.pbi_start_tvsec) +
                               static_cast<double>(info.pbsd.pbi_start_tvusec) * micro;
  if (pid == ::getpid()) {
    reading.most_descriptors = descriptor_limit();
  }
  return reading;
}

#else

namespace {

namespace fs = std::filesystem;

// When the machine started, in Unix seconds ("btime" in /proc/stat).
std::optional<double> boot_time_seconds() {
  std::ifstream stat("/proc/stat");
  std::string line;
  constexpr std::string_view key = "btime ";
  while (std::getline(stat, line)) {
    if (line.starts_with(key)) {
      return std::stod(line.substr(key.size()));
    }
  }
  return std::nullopt;
}

}  // namespace

// /proc/<pid>/stat, whose fields follow the program's name in parentheses (proc_pid_stat(5)).
ProcessReading read_process(pid_t pid) {
  ProcessReading reading;
  const fs::path folder = fs::path("/proc") / std::to_string(pid);
  std::ifstream file(folder / "stat");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) {
    return reading;
  }
  std::istringstream words(text.substr(name_end + 1));
  std::array<std::string, 22> fields;  // from field 3, the state, to field 24, the resident pages
  for (std::string& field : fields) {
    if (!(words >> field)) {
      return reading;
    }
  }
  const auto number = [&fields](std::size_t field) {
    return static_cast<double>(std::stoull(fields.at(field - 3)));
  };
  const auto ticks_per_second = static_cast<double>(::sysconf(_SC_CLK_TCK));
  reading.cpu_seconds = (number(14) + number(15)) / ticks_per_second;
  reading.threads = static_cast<std::uint64_t>(number(20));
  reading.resident_bytes =
      static_cast<std::uint64_t>(number(24)) * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  if (const auto boot = boot_time_seconds()) {
    reading.start_time_seconds = *boot + number(22) / ticks_per_second;
  }
  std::error_code error;
  const fs::directory_iterator descriptors(folder / "fd", error);
  if (!error) {
    reading.open_descriptors =
        static_cast<std::uint64_t>(std::distance(begin(descriptors), end(descriptors)));
  }
  if (pid == ::getpid()) {
    reading.most_descriptors = descriptor_limit();
  }
  return reading;
}

#endif

}  // namespace hub::machine

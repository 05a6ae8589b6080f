#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace hub::machine {

struct SensorReading {
  std::string sensor;  // "x86_pkg_temp", "coretemp Package id 0"
  double celsius = 0;
};

// What the machine tells of itself to a program without privileges. What it does not tell is empty.
struct HostReading {
  std::map<std::string, double> cpu_seconds;  // by mode: "user", "system", "idle", …; all cores
  int cpus = 0;                               // logical ones
  std::optional<double> load1;
  std::optional<std::uint64_t> memory_total_bytes;
  std::optional<std::uint64_t> memory_available_bytes;
  // Linux: share of the last ten seconds in which something waited for memory (PSI, "some avg10").
  // macOS: 0, 0.5 or 1 for normal, warning, critical.
  std::optional<double> memory_pressure;
  std::optional<std::uint64_t> swap_total_bytes;
  std::optional<std::uint64_t> swap_used_bytes;
  std::optional<std::uint64_t> disk_total_bytes;
  std::optional<std::uint64_t> disk_free_bytes;  // for this user
  std::vector<SensorReading> temperatures;       // at most kMostSensors
};

inline constexpr std::size_t kMostSensors = 32;

// Where Linux tells it; a test has folders of its own.
struct HostPaths {
  std::filesystem::path proc = "/proc";
  std::filesystem::path sys = "/sys";
};

// Reads everything now, in well under a millisecond; `data_folder` names the file system whose room
// is told. Thread-safe.
HostReading read_host(const std::filesystem::path& data_folder, const HostPaths& paths = {});

}  // namespace hub::machine

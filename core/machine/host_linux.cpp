#ifndef __APPLE__

#include <array>
#include <fstream>
#include <sstream>
#include <system_error>
#include <thread>

#include <unistd.h>

#include "core/machine/host.h"

namespace hub::machine {
namespace {

namespace fs = std::filesystem;

constexpr double kMilli = 1e-3;
constexpr std::uint64_t kKibibyte = 1024;

// Columns of the line "cpu" in /proc/stat (proc_stat(5)); guests are within user.
constexpr std::array<const char*, 8> kModes{
    "user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal"};

void read_cpu(HostReading& reading, const fs::path& proc) {
  reading.cpus = static_cast<int>(std::thread::hardware_concurrency());
  std::ifstream stat(proc / "stat");
  std::string word;
  if (stat >> word && word == "cpu") {
    const auto ticks_per_second = static_cast<double>(::sysconf(_SC_CLK_TCK));
    for (const char* mode : kModes) {
      double ticks = 0;
      if (!(stat >> ticks)) {
        break;
      }
      reading.cpu_seconds[mode] = ticks / ticks_per_second;
    }
  }
  std::ifstream load(proc / "loadavg");
  double value = 0;
  if (load >> value) {
    reading.load1 = value;
  }
}

// /proc/meminfo: "MemTotal:  24576000 kB"
std::map<std::string, std::uint64_t> read_meminfo(const fs::path& file) {
  std::map<std::string, std::uint64_t> bytes;
  std::ifstream stream(file);
  std::string line;
  while (std::getline(stream, line)) {
    std::istringstream words(line);
    std::string name;
    std::uint64_t kibibytes = 0;
    if (words >> name >> kibibytes && name.ends_with(':')) {
      bytes[name.substr(0, name.size() - 1)] = kibibytes * kKibibyte;
    }
  }
  return bytes;
}

void read_memory(HostReading& reading, const fs::path& proc) {
  const auto bytes = read_meminfo(proc / "meminfo");
  const auto of = [&bytes](const char* name) -> std::optional<std::uint64_t> {
    const auto found = bytes.find(name);
    return found == bytes.end() ? std::nullopt : std::optional(found->second);
  };
  reading.memory_total_bytes = of("MemTotal");
  reading.memory_available_bytes = of("MemAvailable");
  reading.swap_total_bytes = of("SwapTotal");
  if (const auto free = of("SwapFree"); free && reading.swap_total_bytes) {
    reading.swap_used_bytes =
        *reading.swap_total_bytes - std::min(*free, *reading.swap_total_bytes);
  }
  // "some avg10=0.12 avg60=… avg300=… total=…", in percent; absent where the kernel has no PSI.
  std::ifstream pressure(proc / "pressure" / "memory");
  std::string some;
  std::string average;
  constexpr std::string_view key = "avg10=";
  if (pressure >> some >> average && some == "some" && average.starts_with(key)) {
    std::istringstream number(average.substr(key.size()));
    double percent = 0;
    if (number >> percent) {
      reading.memory_pressure = percent / 100;
    }
  }
}

std::string first_line(const fs::path& file) {
  std::ifstream stream(file);
  std::string line;
  std::getline(stream, line);
  return line;
}

void add_temperature(HostReading& reading, const fs::path& file, const std::string& sensor) {
  std::ifstream stream(file);
  double millidegrees = 0;
  if (reading.temperatures.size() < kMostSensors && stream >> millidegrees) {
    reading.temperatures.push_back({sensor, millidegrees * kMilli});
  }
}

// thermal_zone*/temp (named by type) and hwmon*/temp*_input (by the chip's name and the label).
void read_temperatures(HostReading& reading, const fs::path& sys) {
  std::error_code error;
  for (const auto& zone : fs::directory_iterator(sys / "class" / "thermal", error)) {
    const std::string name = zone.path().filename().string();
    if (name.starts_with("thermal_zone")) {
      const std::string type = first_line(zone.path() / "type");
      add_temperature(reading, zone.path() / "temp", type.empty() ? name : type);
    }
  }
  constexpr std::string_view input = "_input";
  for (const auto& chip : fs::directory_iterator(sys / "class" / "hwmon", error)) {
    const std::string chip_name = first_line(chip.path() / "name");
    for (const auto& file : fs::directory_iterator(chip.path(), error)) {
      const std::string name = file.path().filename().string();
      if (!name.starts_with("temp") || !name.ends_with(input)) {
        continue;
      }
      const std::string stem = name.substr(0, name.size() - input.size());
      const std::string label = first_line(chip.path() / (stem + "_label"));
      add_temperature(reading, file.path(), chip_name + " " + (label.empty() ? stem : label));
    }
  }
}

}  // namespace

HostReading read_host(const fs::path& data_folder, const HostPaths& paths) {
  HostReading reading;
  read_cpu(reading, paths.proc);
  read_memory(reading, paths.proc);
  read_temperatures(reading, paths.sys);
  std::error_code error;
  if (const fs::space_info space = fs::space(data_folder, error); !error) {
    reading.disk_total_bytes = space.capacity;
    reading.disk_free_bytes = space.available;
  }
  return reading;
}

}  // namespace hub::machine

#endif

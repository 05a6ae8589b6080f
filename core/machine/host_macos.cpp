#ifdef __APPLE__

#include <array>
#include <cstdlib>
#include <system_error>
#include <thread>

#include <mach/mach.h>
#include <sys/sysctl.h>
#include <unistd.h>

#include "core/machine/host.h"

namespace hub::machine {
namespace {

// Of a kernel state by name; nullopt where this system has none of that name.
template <typename T>
std::optional<T> state(const char* name) {
  T value{};
  std::size_t size = sizeof(value);
  return ::sysctlbyname(name, &value, &size, nullptr, 0) == 0 ? std::optional(value) : std::nullopt;
}

void read_cpu(HostReading& reading) {
  reading.cpus = static_cast<int>(std::thread::hardware_concurrency());
  host_cpu_load_info_data_t load{};
  mach_msg_type_number_t count = HOST_CPU_LOAD_INFO_COUNT;
  if (::host_statistics(
          ::mach_host_self(), HOST_CPU_LOAD_INFO, reinterpret_cast<host_info_t>(&load), &count) ==
      KERN_SUCCESS) {
    const auto ticks_per_second = static_cast<double>(::sysconf(_SC_CLK_TCK));
    reading.cpu_seconds = {
        {"user", load.cpu_ticks[CPU_STATE_USER] / ticks_per_second},
        {"system", load.cpu_ticks[CPU_STATE_SYSTEM] / ticks_per_second},
        {"idle", load.cpu_ticks[CPU_STATE_IDLE] / ticks_per_second},
        {"nice", load.cpu_ticks[CPU_STATE_NICE] / ticks_per_second}};
  }
  std::array<double, 1> average{};
  if (::getloadavg(average.data(), 1) == 1) {
    reading.load1 = average[0];
  }
}

void read_memory(HostReading& reading) {
  reading.memory_total_bytes = state<std::uint64_t>("hw.memsize");
  vm_statistics64_data_t pages{};
  mach_msg_type_number_t count = HOST_VM_INFO64_COUNT;
  if (::host_statistics64(
          ::mach_host_self(), HOST_VM_INFO64, reinterpret_cast<host_info64_t>(&pages), &count) ==
      KERN_SUCCESS) {
    reading.memory_available_bytes =
        (std::uint64_t{pages.free_count} + pages.inactive_count + pages.purgeable_count) *
        static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  }
  // dispatch/source.h: 1 normal, 2 warning, 4 critical.
  if (const auto level = state<int>("kern.memorystatus_vm_pressure_level")) {
    reading.memory_pressure = *level >= 4 ? 1.0 : *level >= 2 ? 0.5 : 0.0;
  }
  if (const auto swap = state<xsw_usage>("vm.swapusage")) {
    reading.swap_total_bytes = swap->xsu_total;
    reading.swap_used_bytes = swap->xsu_used;
  }
}

}  // namespace

// Degrees are not told to a program without privileges; hub::Thermometer has the thermal state.
HostReading read_host(const std::filesystem::path& data_folder, const HostPaths& /*paths*/) {
  HostReading reading;
  read_cpu(reading);
  read_memory(reading);
  std::error_code error;
  if (const auto space = std::filesystem::space(data_folder, error); !error) {
    reading.disk_total_bytes = space.capacity;
    reading.disk_free_bytes = space.available;
  }
  return reading;
}

}  // namespace hub::machine

#endif

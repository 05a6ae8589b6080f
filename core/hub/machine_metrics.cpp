#include "core/hub/machine_metrics.h"

#include <optional>

namespace hub::hub {
namespace {

using obs::Labels;
using obs::MetricSnapshot;

// A gauge of what the machine told; none of what it did not.
template <typename Value>
void tell_known(
    MetricSnapshot& snapshot,
    const char* name,
    const char* help,
    const std::optional<Value>& value,
    Labels labels = {}) {
  if (value) {
    snapshot.gauge(name, help, static_cast<double>(*value), std::move(labels));
  }
}

void tell_memory_and_disk(MetricSnapshot& snapshot, const machine::HostReading& host) {
  constexpr const char* memory = "mlx_hub_host_memory_bytes";
  constexpr const char* memory_help = "The machine's memory";
  tell_known(snapshot, memory, memory_help, host.memory_total_bytes, {{"state", "total"}});
  tell_known(snapshot, memory, memory_help, host.memory_available_bytes, {{"state", "available"}});
  if (host.memory_total_bytes && host.memory_available_bytes) {
    const auto used = static_cast<double>(*host.memory_total_bytes) -
                      static_cast<double>(*host.memory_available_bytes);
    snapshot.gauge(memory, memory_help, used, {{"state", "used"}});
  }
  tell_known(
      snapshot,
      "mlx_hub_host_memory_pressure_ratio",
      "How much work waits for memory, 0 to 1",
      host.memory_pressure);
  constexpr const char* swap = "mlx_hub_host_swap_bytes";
  tell_known(snapshot, swap, "Swap space", host.swap_total_bytes, {{"state", "total"}});
  tell_known(snapshot, swap, "Swap space", host.swap_used_bytes, {{"state", "used"}});
  constexpr const char* disk = "mlx_hub_host_disk_bytes";
  constexpr const char* disk_help = "The data folder's file system";
  tell_known(snapshot, disk, disk_help, host.disk_total_bytes, {{"state", "total"}});
  tell_known(snapshot, disk, disk_help, host.disk_free_bytes, {{"state", "free"}});
}

}  // namespace

void tell_host(MetricSnapshot& snapshot, const machine::HostReading& host) {
  for (const auto& [mode, seconds] : host.cpu_seconds) {
    snapshot.counter(
        "mlx_hub_host_cpu_seconds_total", "Of all cores, by mode", seconds, {{"mode", mode}});
  }
  snapshot.gauge("mlx_hub_host_cpus", "Logical processors", host.cpus);
  tell_known(snapshot, "mlx_hub_host_load1", "Load average of a minute", host.load1);
  tell_memory_and_disk(snapshot, host);
  for (const auto& reading : host.temperatures) {
    snapshot.gauge(
        "mlx_hub_host_temperature_celsius",
        "By sensor",
        reading.celsius,
        {{"sensor", reading.sensor}});
  }
}

void tell_gpu(MetricSnapshot& snapshot, const machine::GpuReading& gpu) {
  const Labels labels{{"gpu", gpu.gpu}};
  snapshot.gauge(
      "mlx_hub_gpu_info", "1", 1, {{"gpu", gpu.gpu}, {"name", gpu.name}, {"driver", gpu.driver}});
  tell_known(
      snapshot,
      "mlx_hub_gpu_utilization_ratio",
      "Share of the driver's sampling window in which a kernel ran",
      gpu.utilization,
      labels);
  tell_known(snapshot, "mlx_hub_gpu_temperature_celsius", "Of the GPU's core", gpu.celsius, labels);
  tell_known(snapshot, "mlx_hub_gpu_power_watts", "Drawn now", gpu.power_watts, labels);
  tell_known(
      snapshot, "mlx_hub_gpu_power_limit_watts", "Enforced limit", gpu.power_limit_watts, labels);
  constexpr const char* memory = "mlx_hub_gpu_memory_bytes";
  const auto with_state = [&gpu](const char* state) {
    return Labels{{"gpu", gpu.gpu}, {"state", state}};
  };
  tell_known(snapshot, memory, "The GPU's memory", gpu.memory_total_bytes, with_state("total"));
  tell_known(snapshot, memory, "The GPU's memory", gpu.memory_used_bytes, with_state("used"));
}

void MachineMetrics::tell(MetricSnapshot& snapshot) {
  tell_host(snapshot, machine::read_host(data_folder_));
  const std::lock_guard lock(mutex_);
  for (const machine::GpuReading& gpu : gpus_->read()) {
    tell_gpu(snapshot, gpu);
  }
}

}  // namespace hub::hub

#pragma once

#include <filesystem>
#include <memory>
#include <mutex>

#include "core/machine/gpu.h"
#include "core/machine/host.h"
#include "core/obs/metrics.h"

namespace hub::hub {

// The machine as metrics (docs/metrics.md, "The machine"). Thread-safe.
class MachineMetrics {
 public:
  MachineMetrics(std::filesystem::path data_folder, std::unique_ptr<machine::GpuReader> gpus)
      : data_folder_(std::move(data_folder)), gpus_(std::move(gpus)) {}

  // Reads everything anew.
  void tell(obs::MetricSnapshot& snapshot);

 private:
  const std::filesystem::path data_folder_;
  std::mutex mutex_;
  const std::unique_ptr<machine::GpuReader> gpus_;  // guarded by mutex_
};

void tell_host(obs::MetricSnapshot& snapshot, const machine::HostReading& host);
void tell_gpu(obs::MetricSnapshot& snapshot, const machine::GpuReading& gpu);

}  // namespace hub::hub

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace hub::machine {

// One GPU, as its driver tells it; what the driver does not tell is empty.
struct GpuReading {
  std::string gpu;  // "0": the driver's number
  std::string name;
  std::string driver;
  std::optional<double> utilization;  // share of the driver's last sampling window, 0 to 1
  std::optional<std::uint64_t> memory_total_bytes;
  std::optional<std::uint64_t> memory_used_bytes;
  std::optional<double> celsius;
  std::optional<double> power_watts;
  std::optional<double> power_limit_watts;
};

// Reads the machine's GPUs. One thread at a time.
class GpuReader {
 public:
  virtual ~GpuReader() = default;
  virtual std::vector<GpuReading> read() = 0;
};

// Through NVIDIA's management library, loaded at run time: `library` is a file's name or path. A
// reader of nothing where it is not there or refuses to start.
std::unique_ptr<GpuReader> make_nvml_reader(const std::string& library = "libnvidia-ml.so.1");

// NVML on Linux, IOKit on macOS.
std::unique_ptr<GpuReader> make_gpu_reader();

}  // namespace hub::machine

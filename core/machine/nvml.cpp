#include <array>

#include <dlfcn.h>

#include "core/machine/gpu.h"

// Types and numbers of NVML's stable interface (nvml.h, NVIDIA's "NVML API Reference Guide"); its
// header is not needed to build.
namespace hub::machine {
namespace {

using Return = int;
constexpr Return kSuccess = 0;
using Device = void*;

struct Utilization {
  unsigned int gpu = 0;  // percent
  unsigned int memory = 0;
};
struct Memory {
  unsigned long long total = 0;
  unsigned long long free = 0;
  unsigned long long used = 0;
};
constexpr int kTemperatureGpu = 0;
constexpr std::size_t kTextSize = 96;  // NVML_DEVICE_NAME_V2_BUFFER_SIZE
constexpr double kMilli = 1e-3;

class Library {
 public:
  explicit Library(const std::string& name)
      : handle_(::dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL)) {}
  ~Library() {
    if (handle_ != nullptr) {
      ::dlclose(handle_);
    }
  }
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;

  // nullptr where the library, or the function in it, is not there.
  template <typename Function>
  [[nodiscard]] Function* find(const char* name) const {
    return handle_ == nullptr ? nullptr : reinterpret_cast<Function*>(::dlsym(handle_, name));
  }

 private:
  void* handle_;
};

class NvmlReader final : public GpuReader {
 public:
  explicit NvmlReader(const std::string& name) : library_(name) {
    auto* const init = library_.find<Return()>("nvmlInit_v2");
    started_ = init != nullptr && init() == kSuccess;
  }
  ~NvmlReader() override {
    auto* const shutdown = library_.find<Return()>("nvmlShutdown");
    if (started_ && shutdown != nullptr) {
      shutdown();
    }
  }

  std::vector<GpuReading> read() override {
    std::vector<GpuReading> readings;
    auto* const count_of = library_.find<Return(unsigned int*)>("nvmlDeviceGetCount_v2");
    auto* const device_at =
        library_.find<Return(unsigned int, Device*)>("nvmlDeviceGetHandleByIndex_v2");
    unsigned int count = 0;
    if (!started_ || count_of == nullptr || device_at == nullptr || count_of(&count) != kSuccess) {
      return readings;
    }
    for (unsigned int index = 0; index < count; ++index) {
      Device device = nullptr;
      if (device_at(index, &device) == kSuccess) {
        readings.push_back(read_device(index, device));
      }
    }
    return readings;
  }

 private:
  // The value that `function` writes through its last parameter; nullopt where it refuses.
  template <typename Value, typename... Arguments>
  std::optional<Value> ask(const char* function, Arguments... arguments) const {
    auto* const call = library_.find<Return(Arguments..., Value*)>(function);
    Value value{};
    return call != nullptr && call(arguments..., &value) == kSuccess ? std::optional(value)
                                                                     : std::nullopt;
  }

  [[nodiscard]] std::string driver() const {
    std::array<char, kTextSize> text{};
    auto* const call = library_.find<Return(char*, unsigned int)>("nvmlSystemGetDriverVersion");
    return call != nullptr && call(text.data(), kTextSize - 1) == kSuccess ? text.data() : "";
  }

  [[nodiscard]] std::string name(Device device) const {
    std::array<char, kTextSize> text{};
    auto* const call = library_.find<Return(Device, char*, unsigned int)>("nvmlDeviceGetName");
    return call != nullptr && call(device, text.data(), kTextSize - 1) == kSuccess ? text.data()
                                                                                   : "";
  }

  [[nodiscard]] GpuReading read_device(unsigned int index, Device device) const {
    GpuReading reading;
    reading.gpu = std::to_string(index);
    reading.name = name(device);
    reading.driver = driver();
    if (const auto used = ask<Utilization>("nvmlDeviceGetUtilizationRates", device)) {
      reading.utilization = used->gpu / 100.0;
    }
    if (const auto memory = ask<Memory>("nvmlDeviceGetMemoryInfo", device)) {
      reading.memory_total_bytes = memory->total;
      reading.memory_used_bytes = memory->used;
    }
    if (const auto celsius =
            ask<unsigned int>("nvmlDeviceGetTemperature", device, kTemperatureGpu)) {
      reading.celsius = *celsius;
    }
    if (const auto milliwatts = ask<unsigned int>("nvmlDeviceGetPowerUsage", device)) {
      reading.power_watts = *milliwatts * kMilli;
    }
    if (const auto milliwatts = ask<unsigned int>("nvmlDeviceGetEnforcedPowerLimit", device)) {
      reading.power_limit_watts = *milliwatts * kMilli;
    }
    return reading;
  }

  Library library_;
  bool started_ = false;
};

}  // namespace

std::unique_ptr<GpuReader> make_nvml_reader(const std::string& library) {
  return std::make_unique<NvmlReader>(library);
}

#ifndef __APPLE__
std::unique_ptr<GpuReader> make_gpu_reader() {
  return make_nvml_reader();
}
#endif

}  // namespace hub::machine

// A management library with two GPUs, the second of which tells only its name; the tests load it
// instead of NVIDIA's.
#include <cstring>

namespace {
struct Utilization {
  unsigned int gpu;
  unsigned int memory;
};
struct Memory {
  unsigned long long total;
  unsigned long long free;
  unsigned long long used;
};
constexpr int kDevices[2] = {};
constexpr int kNotSupported = 3;
bool first(void* device) {
  return device == &kDevices[0];
}
}  // namespace

// NOLINTBEGIN(readability-identifier-naming): NVIDIA's names.
extern "C" {
int nvmlInit_v2() {
  return 0;
}
int nvmlShutdown() {
  return 0;
}
int nvmlDeviceGetCount_v2(unsigned int* count) {
  *count = 2;
  return 0;
}
int nvmlDeviceGetHandleByIndex_v2(unsigned int index, void** device) {
  *device = const_cast<int*>(&kDevices[index]);
  return 0;
}
int nvmlSystemGetDriverVersion(char* text, unsigned int size) {
  std::strncpy(text, "580.1", size);
  return 0;
}
int nvmlDeviceGetName(void* device, char* text, unsigned int size) {
  std::strncpy(text, first(device) ? "NVIDIA H200" : "NVIDIA T4", size);
  return 0;
}
int nvmlDeviceGetUtilizationRates(void* device, Utilization* rates) {
  *rates = {75, 10};
  return first(device) ? 0 : kNotSupported;
}
int nvmlDeviceGetMemoryInfo(void* device, Memory* memory) {
  *memory = {1000, 400, 600};
  return first(device) ? 0 : kNotSupported;
}
int nvmlDeviceGetTemperature(void* device, int sensor, unsigned int* celsius) {
  *celsius = 61;
  return first(device) && sensor == 0 ? 0 : kNotSupported;
}
int nvmlDeviceGetPowerUsage(void* device, unsigned int* milliwatts) {
  *milliwatts = 350500;
  return first(device) ? 0 : kNotSupported;
}
// No nvmlDeviceGetEnforcedPowerLimit: an older library.
}
// NOLINTEND(readability-identifier-naming)

#ifdef __APPLE__

#include <CoreFoundation/CoreFoundation.h>
#include <IOKit/IOKitLib.h>

#include "core/machine/gpu.h"

namespace hub::machine {
namespace {

std::optional<std::int64_t> number(CFDictionaryRef dictionary, CFStringRef key) {
  const void* value = ::CFDictionaryGetValue(dictionary, key);
  std::int64_t result = 0;
  const bool known =
      value != nullptr && ::CFGetTypeID(value) == ::CFNumberGetTypeID() &&
      ::CFNumberGetValue(static_cast<CFNumberRef>(value), kCFNumberSInt64Type, &result) != 0;
  return known ? std::optional(result) : std::nullopt;
}

// The figures that the driver of an accelerator publishes; needs no privileges. Power and degrees
// are not among them.
class AcceleratorReader final : public GpuReader {
 public:
  std::vector<GpuReading> read() override {
    std::vector<GpuReading> readings;
    io_iterator_t found = IO_OBJECT_NULL;
    if (::IOServiceGetMatchingServices(
            kIOMainPortDefault, ::IOServiceMatching("IOAccelerator"), &found) != KERN_SUCCESS) {
      return readings;
    }
    for (io_object_t service = ::IOIteratorNext(found); service != IO_OBJECT_NULL;
         service = ::IOIteratorNext(found)) {
      readings.push_back(read_service(service, std::to_string(readings.size())));
      ::IOObjectRelease(service);
    }
    ::IOObjectRelease(found);
    return readings;
  }

 private:
  static GpuReading read_service(io_object_t service, std::string gpu) {
    GpuReading reading;
    reading.gpu = std::move(gpu);
    reading.name = "Apple GPU";
    CFTypeRef value = ::IORegistryEntryCreateCFProperty(
        service, CFSTR("PerformanceStatistics"), kCFAllocatorDefault, 0);
    if (value == nullptr) {
      return reading;
    }
    if (::CFGetTypeID(value) == ::CFDictionaryGetTypeID()) {
      const auto* figures = static_cast<CFDictionaryRef>(value);
      if (const auto percent = number(figures, CFSTR("Device Utilization %"))) {
        reading.utilization = static_cast<double>(*percent) / 100.0;
      }
      if (const auto bytes = number(figures, CFSTR("In use system memory"))) {
        reading.memory_used_bytes = static_cast<std::uint64_t>(*bytes);
      }
    }
    ::CFRelease(value);
    return reading;
  }
};

}  // namespace

std::unique_ptr<GpuReader> make_gpu_reader() {
  return std::make_unique<AcceleratorReader>();
}

}  // namespace hub::machine

#endif

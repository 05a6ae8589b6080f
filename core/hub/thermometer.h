#pragma once

#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace hub::hub {

struct Temperature {
  double celsius = 0;
  std::string sensor;  // "x86_pkg_temp", "coretemp Package id 0", "thermal pressure", a file
};

// Where the machine's temperature comes from. Thread-safe.
class Thermometer {
 public:
  virtual ~Thermometer() = default;
  // The hottest of what it watches; nullopt when nothing can be read.
  virtual std::optional<Temperature> read() = 0;
};

// A file with one number: degrees Celsius, or thousandths of them as the kernel writes (above
// 1000).
std::unique_ptr<Thermometer> make_file_thermometer(std::filesystem::path file);

// Linux: thermal zones and hwmon of the processor under `root` ("/sys/class"). macOS: the system's
// thermal pressure, as 60 (nominal), 85 (moderate), 100 (heavy), 110 (trapping or sleeping), since
// it tells no degrees to a program without privileges.
std::unique_ptr<Thermometer> make_system_thermometer(
    const std::filesystem::path& root = "/sys/class");

// Decides when work rests: from `limit` degrees on, until it is at or below `resume`. Pure.
class CoolingRule {
 public:
  // A limit of 0 switches it off.
  CoolingRule(double limit_celsius, double resume_celsius)
      : limit_(limit_celsius), resume_(resume_celsius) {}

  // True while work must rest. Without a reading nothing rests.
  bool update(const std::optional<Temperature>& reading);

  [[nodiscard]] double limit_celsius() const { return limit_; }
  [[nodiscard]] double resume_celsius() const { return resume_; }
  [[nodiscard]] bool resting() const { return resting_; }

 private:
  double limit_;
  double resume_;
  bool resting_ = false;
};

}  // namespace hub::hub

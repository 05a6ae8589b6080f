#include "core/hub/thermometer.h"

#include <array>
#include <fstream>
#include <string_view>
#include <system_error>
#include <vector>

#ifdef __APPLE__
#include <notify.h>
#endif

namespace hub::hub {
namespace {

namespace fs = std::filesystem;

// The kernel writes thousandths of a degree; a person, or a test, writes degrees.
constexpr double kMilliFrom = 1000.0;

std::optional<double> read_number(const fs::path& file) {
  std::ifstream stream(file);
  double value = 0;
  if (!(stream >> value)) {
    return std::nullopt;
  }
  return value >= kMilliFrom ? value / kMilliFrom : value;
}

void keep_hotter(
    std::optional<Temperature>& hottest, const fs::path& file, const std::string& sensor) {
  const auto celsius = read_number(file);
  if (celsius && (!hottest || *celsius > hottest->celsius)) {
    hottest = Temperature{*celsius, sensor};
  }
}

class FileThermometer final : public Thermometer {
 public:
  explicit FileThermometer(fs::path file) : file_(std::move(file)) {}
  std::optional<Temperature> read() override {
    std::optional<Temperature> reading;
    keep_hotter(reading, file_, file_.filename().string());
    return reading;
  }

 private:
  const fs::path file_;
};

#ifdef __APPLE__

// libnotify's state of "com.apple.system.thermalpressurelevel": 0 nominal, 1 moderate, 2 heavy,
// 3 trapping, 4 sleeping (OSThermalNotification.h).
class PressureThermometer final : public Thermometer {
 public:
  PressureThermometer() {
    known_ =
        notify_register_check("com.apple.system.thermalpressurelevel", &token_) == NOTIFY_STATUS_OK;
  }
  ~PressureThermometer() override {
    if (known_) {
      notify_cancel(token_);
    }
  }
  PressureThermometer(const PressureThermometer&) = delete;
  PressureThermometer& operator=(const PressureThermometer&) = delete;

  std::optional<Temperature> read() override {
    std::uint64_t level = 0;
    if (!known_ || notify_get_state(token_, &level) != NOTIFY_STATUS_OK) {
      return std::nullopt;
    }
    constexpr std::array<double, 4> kDegrees = {60, 85, 100, 110};
    return Temperature{kDegrees.at(level < 3 ? level : 3), "thermal pressure"};
  }

 private:
  int token_ = 0;
  bool known_ = false;
};

#else

std::string first_word_line(const fs::path& file) {
  std::ifstream stream(file);
  std::string line;
  std::getline(stream, line);
  return line;
}

// What names the processor's own sensors among all zones and chips (batteries, disks, radios …).
bool is_processor(std::string_view name) {
  constexpr std::array<std::string_view, 9> known_names = {
      "x86_pkg_temp",
      "coretemp",
      "k10temp",
      "zenpower",
      "cpu_thermal",
      "cpu-thermal",
      "soc",
      "cpu",
      "acpitz"};
  for (const std::string_view known : known_names) {
    if (name.starts_with(known)) {
      return true;
    }
  }
  return false;
}

class SysfsThermometer final : public Thermometer {
 public:
  explicit SysfsThermometer(const fs::path& root) {
    std::error_code error;
    for (const auto& zone : fs::directory_iterator(root / "thermal", error)) {
      const std::string type = first_word_line(zone.path() / "type");
      if (zone.path().filename().string().starts_with("thermal_zone") && is_processor(type)) {
        sensors_.emplace_back(zone.path() / "temp", type);
      }
    }
    for (const auto& chip : fs::directory_iterator(root / "hwmon", error)) {
      const std::string name = first_word_line(chip.path() / "name");
      if (is_processor(name)) {
        add_inputs(chip.path(), name);
      }
    }
  }

  std::optional<Temperature> read() override {
    std::optional<Temperature> hottest;
    for (const auto& [file, name] : sensors_) {
      keep_hotter(hottest, file, name);
    }
    return hottest;
  }

 private:
  void add_inputs(const fs::path& chip, const std::string& name) {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(chip, error)) {
      const std::string file = entry.path().filename().string();
      if (file.starts_with("temp") && file.ends_with("_input")) {
        const std::string label =
            first_word_line(chip / (file.substr(0, file.find('_')) + "_label"));
        sensors_.emplace_back(entry.path(), label.empty() ? name : name + " " + label);
      }
    }
  }

  std::vector<std::pair<fs::path, std::string>> sensors_;
};

#endif

}  // namespace

std::unique_ptr<Thermometer> make_file_thermometer(fs::path file) {
  return std::make_unique<FileThermometer>(std::move(file));
}

std::unique_ptr<Thermometer> make_system_thermometer([[maybe_unused]] const fs::path& root) {
#ifdef __APPLE__
  return std::make_unique<PressureThermometer>();
#else
  return std::make_unique<SysfsThermometer>(root);
#endif
}

bool CoolingRule::update(const std::optional<Temperature>& reading) {
  if (limit_ <= 0 || !reading) {
    resting_ = false;
  } else if (reading->celsius >= limit_) {
    resting_ = true;
  } else if (reading->celsius <= resume_) {
    resting_ = false;
  }
  return resting_;
}

}  // namespace hub::hub

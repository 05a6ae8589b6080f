#include "core/hub/housekeeper.h"

#include <chrono>
#include <utility>

#include <nlohmann/json.hpp>

#include "core/hub/log_files.h"
#include "core/obs/log.h"

namespace hub::hub {
namespace {

constexpr std::chrono::seconds kInterval{1};
constexpr int kLooksBetweenLogChecks = 30;
constexpr int kLooksBetweenFlushes = 5;

}  // namespace

Housekeeper::Housekeeper(
    const Collaborators& collaborators,
    std::unique_ptr<Thermometer> thermometer,
    CoolingRule cooling,
    Logs logs)
    : with_(collaborators),
      thermometer_(std::move(thermometer)),
      logs_(std::move(logs)),
      cooling_(cooling) {}

Housekeeper::~Housekeeper() {
  stop();
}

void Housekeeper::start() {
  thread_ = std::thread([this] { work(); });
}

void Housekeeper::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) {
    thread_.join();
  }
}

Housekeeper::Heat Housekeeper::heat() const {
  const std::lock_guard lock(mutex_);
  return {
      .temperature = temperature_,
      .limit_celsius = cooling_.limit_celsius(),
      .resting = cooling_.resting()};
}

void Housekeeper::work() {
  for (int looks = 0;; ++looks) {
    try {
      with_.pool.keep_house();
      look_at_temperature();
      if (looks % kLooksBetweenFlushes == 0) {
        with_.meter.flush();
      }
      if (looks % kLooksBetweenLogChecks == 0) {
        rotate_logs(logs_.folder, logs_.most_bytes);
      }
    } catch (const std::exception& error) {  // a full disk, a locked database: look again
      obs::log::error("housekeeping_failed", {{"error", error.what()}});
    }
    std::unique_lock lock(mutex_);
    if (wake_.wait_for(lock, kInterval, [this] { return stopping_; })) {
      return;
    }
  }
}

void Housekeeper::look_at_temperature() {
  const auto reading = thermometer_->read();
  bool was_resting = false;
  bool resting = false;
  double limit = 0;
  {
    const std::lock_guard lock(mutex_);
    temperature_ = reading;
    was_resting = cooling_.resting();
    resting = cooling_.update(reading);
    limit = cooling_.limit_celsius();
  }
  with_.runner.set_resting(resting);
  if (resting == was_resting) {
    return;
  }
  base::Json data = {{"limit_celsius", limit}};
  if (reading) {
    data["celsius"] = reading->celsius;
    data["sensor"] = reading->sensor;
  }
  with_.events.append(
      with_.clock.now_ms(), resting ? "hub.cooling" : "hub.cooled", "hub", "temperature", data);
  obs::log::warning(
      resting ? "cooling" : "cooled",
      {{"celsius", reading ? reading->celsius : 0.0}, {"limit_celsius", limit}});
}

}  // namespace hub::hub

#pragma once

#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "core/base/clock.h"
#include "core/hub/job_runner.h"
#include "core/hub/model_pool.h"
#include "core/hub/thermometer.h"
#include "core/jobs/event_log.h"
#include "core/registry/key_meter.h"

namespace hub::hub {

// What a server looks after once a second on a thread of its own: idle and hanging engines, the
// temperature (running jobs rest while it is too high), the size of logs,
// what API keys used.
class Housekeeper {
 public:
  struct Collaborators {
    ModelPool& pool;
    JobRunner& runner;
    jobs::EventLog& events;
    const base::Clock& clock;
    registry::KeyMeter& meter;
  };
  struct Logs {
    std::filesystem::path folder;
    std::uint64_t most_bytes = 0;  // of one file
  };
  Housekeeper(
      const Collaborators& collaborators,
      std::unique_ptr<Thermometer> thermometer,
      CoolingRule cooling,
      Logs logs);
  ~Housekeeper();  // stop()

  void start();
  void stop();

  struct Heat {
    std::optional<Temperature> temperature;
    double limit_celsius = 0;  // 0: no limit
    bool resting = false;      // jobs pause
  };
  [[nodiscard]] Heat heat() const;

 private:
  void work();
  void look_at_temperature();

  const Collaborators with_;
  const std::unique_ptr<Thermometer> thermometer_;
  const Logs logs_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;                   // guarded by mutex_
  CoolingRule cooling_;                     // guarded by mutex_
  std::optional<Temperature> temperature_;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace hub::hub

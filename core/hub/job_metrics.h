#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "core/base/json_reader.h"
#include "core/jobs/event_log.h"
#include "core/obs/metrics.h"

namespace hub::hub {

// Jobs and training as metrics (docs/metrics.md, "Jobs and training"), from the events of jobs.
// Thread-safe.
class JobMetrics {
 public:
  explicit JobMetrics(obs::Metrics& metrics);

  // The next event of the log; those that are not of jobs change nothing.
  void add(const jobs::Event& event);

  // The gauges of the jobs that run now.
  void tell(obs::MetricSnapshot& snapshot) const;

  // The slot of a job that runs now: the smallest number that no other running job has.
  [[nodiscard]] std::optional<int> slot(const std::string& job_id) const;

 private:
  struct Running {
    int slot = 0;
    std::string kind;
    std::int64_t since_ms = 0;
    // At the last report, or where the attempt began; not known before its first word.
    std::optional<std::int64_t> step;
    std::optional<std::int64_t> trained_tokens;
    std::map<std::string, double> figures;  // the last ones, by the reports' names
  };
  // All with mutex_ held.
  void start(const jobs::Event& event, const base::JsonReader& data);
  void stop_waiting(const jobs::Event& event, const std::string& kind);
  void end(const jobs::Event& event, const base::JsonReader& data);
  void report(Running& job, const base::JsonReader& data);
  static void memory(Running& job, const base::JsonReader& data);
  static void progress(Running& job, const base::JsonReader& data);

  obs::CounterFamily finished_;
  obs::HistogramFamily wait_;
  obs::HistogramFamily run_;
  obs::CounterFamily steps_;
  obs::CounterFamily tokens_;
  obs::HistogramFamily step_seconds_;
  mutable std::mutex mutex_;
  std::map<std::string, std::int64_t> waiting_since_ms_;  // guarded by mutex_; by job id
  std::map<std::string, Running> running_;                // guarded by mutex_; by job id
};

}  // namespace hub::hub

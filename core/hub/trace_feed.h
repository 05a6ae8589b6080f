#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/hub/config.h"
#include "core/hub/event_follower.h"
#include "core/hub/job_trace.h"
#include "core/hub/mlflow_sync.h"
#include "core/hub/request_traces.h"
#include "core/jobs/event_log.h"
#include "core/obs/span_exporter.h"

namespace hub::hub {

// Follows the event log on a thread of its own and hands the spans of jobs to an exporter. What
// makes the events knows nothing of it. Jobs that were under way when the server started are taken
// up with their earlier events. Its thread also looks after the spans of requests.
class TraceFeed {
 public:
  // Does nothing at all without an endpoint.
  TraceFeed(
      jobs::EventLog& events,
      std::optional<obs::SpanExporter::Options> options,
      double sample_ratio = 1.0);
  ~TraceFeed();  // stop()

  void start();
  // After a last look at the log; sends what waits. Idempotent.
  void stop();
  // Thread-safe. A span "mlflow.sync": of the job's trace, or for a model of its own.
  void mlflow_told(const MlflowTold& told);
  // Thread-safe.
  [[nodiscard]] RequestTraces& requests() const { return *requests_; }
  // nullptr: nothing is exported.
  [[nodiscard]] const obs::SpanExporter* exporter() const { return exporter_.get(); }

 private:
  void follow(const jobs::Event& event);
  // A job's trace as its events before `seq` left it. What came before this server or this feed was
  // exported then.
  JobTrace replayed(const std::string& job_id, std::int64_t seq);
  void export_told();

  jobs::EventLog& events_;
  std::unique_ptr<obs::SpanExporter> exporter_;
  std::unique_ptr<RequestTraces> requests_;
  std::map<std::string, JobTrace> traces_;  // of jobs that have not ended, by id
  std::mutex mutex_;
  std::vector<MlflowTold> told_;  // guarded by mutex_
  EventFollower follower_;        // last: its thread uses the members above
};

// `otlp_endpoint`, else OTEL_EXPORTER_OTLP_ENDPOINT with OTEL_EXPORTER_OTLP_HEADERS; nullopt where
// neither is set, or telemetry is off. Throws kInvalidArgument for headers that are none.
std::optional<obs::SpanExporter::Options> exporter_options(const Config& config);

// `otlp_sample_ratio`, else OTEL_TRACES_SAMPLER_ARG, else 1. Throws kInvalidArgument for a variable
// that is no number from 0 to 1.
double sample_ratio(const Config& config);

}  // namespace hub::hub

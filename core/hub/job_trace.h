#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/jobs/event_log.h"
#include "core/obs/span.h"

namespace hub::hub {

// The spans of one job, made from its events: "job" as the root, "job.wait" and "job.attempt"
// below it, and below an attempt a "job.report" for each report window, "job.evaluation" and
// "job.checkpoint". The root links to the request that submitted it ("job.traced"). The trace's id
// is the job's, and a span's follows from job and event, so that the same events give the same
// spans again. Not thread-safe.
class JobTrace {
 public:
  explicit JobTrace(std::string job_id);

  // The spans that the job's next event ends. Events of other types than jobs have end none.
  std::vector<obs::Span> add(const jobs::Event& event);
  // The root has ended: a job that is resumed later begins a trace anew.
  [[nodiscard]] bool ended() const { return ended_; }

  // The root's; "" before the first event.
  [[nodiscard]] const std::string& root_span_id() const { return job_.span_id; }

  // 32 hexadecimal digits.
  static std::string trace_id(std::string_view job_id);

 private:
  struct Open {
    std::string span_id;
    std::int64_t start_ms = 0;  // 0: none is open
  };
  [[nodiscard]] std::string span_id(std::string_view name, std::int64_t seq) const;
  [[nodiscard]] obs::Span finished(
      const Open& open, const std::string& parent, std::string name, std::int64_t end_ms) const;
  obs::Span part(
      const jobs::Event& event, std::string name, std::int64_t start_ms, obs::Attributes known);
  void close_open(std::vector<obs::Span>& spans, std::int64_t now_ms, const std::string& failure);
  void add_metric(const jobs::Event& event, std::vector<obs::Span>& spans);

  std::string job_id_;
  std::string trace_id_;
  Open job_, wait_, attempt_;
  std::int64_t window_ms_ = 0;        // since then nothing was reported
  std::vector<obs::SpanLink> links_;  // to the request that submitted it
  obs::Attributes attributes_;        // of the job, told with its root and attempts
  bool ended_ = false;
};

}  // namespace hub::hub

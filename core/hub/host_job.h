#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "core/base/json.h"
#include "core/jobs/job.h"
#include "core/jobs/job_queue.h"

namespace hub::hub {

// What a job of the host lane, which runs inside the server, has to do with its runner.
class HostJobContext {
 public:
  HostJobContext(jobs::JobQueue& queue, const std::string& job_id, const std::atomic<bool>& stop)
      : queue_(queue), job_id_(job_id), stop_(stop) {}

  // True once the job is to end: it was cancelled, ran out of time, or the server stops. It then
  // returns by throwing kCancelled, within a second.
  [[nodiscard]] const std::atomic<bool>& stop() const { return stop_; }

  // Progress with further fields for the event; at most one a second is written, the last always
  // when `final`. A database that cannot be written loses progress, not the job.
  void progress(
      std::int64_t step,
      std::int64_t total,
      std::optional<double> eta_seconds,
      const base::Json& details,
      bool final = false);

 private:
  jobs::JobQueue& queue_;
  const std::string job_id_;
  const std::atomic<bool>& stop_;
  double next_seconds_ = 0;
};

// What a host job did.
struct HostJobEnd {
  std::string result_json = "{}";
  // Writes its rows; runs in the transaction that completes the job. May throw: the job fails.
  std::function<std::optional<jobs::JobResult>()> finish;
  // Takes back files that were stored, when the job could not be completed after all.
  std::function<void()> undo;
  // Files of its own that are not needed any more; runs after the job was completed.
  std::function<void()> clean_up;
};

// One kind of host job. It may be called again for a job that another server began: it goes on with
// what that one left.
class HostJobKind {
 public:
  virtual ~HostJobKind() = default;
  // Throws Error: the job fails with its message.
  virtual HostJobEnd run(const jobs::Job& job, HostJobContext& context) = 0;
};

using HostJobKinds = std::map<std::string, std::unique_ptr<HostJobKind>>;

}  // namespace hub::hub

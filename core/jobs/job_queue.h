#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.h"
#include "core/base/json.h"
#include "core/db/pool.h"
#include "core/db/statement.h"
#include "core/jobs/job.h"

namespace hub::jobs {

// What a heartbeat tells the one who runs the job.
enum class Heartbeat : std::uint8_t {
  kContinue,
  kCancelRequested,  // stop at the next step, then call cancelled()
  kLost,             // the job is no longer RUNNING for this attempt: stop, report nothing
};

// What a new job is made of. `spec_json` is the job's own business.
struct NewJob {
  std::string kind;
  std::string lane = std::string(kDeviceLane);
  std::string spec_json = "{}";
  std::string model;
  std::optional<std::string> model_id;
  std::optional<std::string> version_id;
  std::optional<std::string> dataset_id;
  int priority = 0;  // higher runs earlier
  std::optional<std::int64_t> timeout_seconds;
  std::optional<std::int64_t> estimated_bytes;
  std::optional<std::string> id;  // given where the output's name contains it (base::new_id())
  // The files of `version_id` are not here yet: it waits until a job of kind kPullKind on the same
  // version has ended, and fails when that did not complete.
  bool waits_for_weights = false;
  std::optional<std::string> reproduces;  // the job that it does again
};

struct JobFilter {
  std::optional<JobState> state;
  std::optional<std::string> kind;
  std::optional<std::int64_t> before_sequence;  // newest first; the page after this one
  int limit = 50;
};

// The jobs table. A job's state changes here and nowhere else, each change one SQL statement with
// its event in the same transaction (types: job.queued, job.resumed, job.started, job.progress,
// job.metric, job.memory, job.waiting, job.priority, job.cancel_requested, job.completed,
// job.failed, job.cancelled). Order of work: priority, then arrival. Thread-safe.
//
// Functions that report on a running job (record_*, complete, fail, cancelled) return false,
// writing nothing, when the job is not RUNNING (any more): the caller has lost it.
class JobQueue {
 public:
  struct Options {
    std::int64_t lease_ms = 30'000;
    std::int64_t most_queued = 1000;  // enqueue() says no beyond that many waiting jobs
  };
  JobQueue(db::Pool& pool, const base::Clock& clock, Options options);
  JobQueue(db::Pool& pool, const base::Clock& clock) : JobQueue(pool, clock, Options()) {}

  // ---- asking for work
  // Throws kRateLimited (reason "queue_full").
  Job enqueue(const NewJob& job);
  // Ends a QUEUED job at once and asks a RUNNING one to stop (the next heartbeat says so). Throws
  // kNotFound, or kConflict when it has ended; asking twice is no error.
  Job cancel(const std::string& id);
  // Puts a FAILED or CANCELLED job back into the queue, its attempts counted anew; what it kept in
  // its folder is there. Throws kNotFound, kConflict for another state, kRateLimited as enqueue().
  Job resume(const std::string& id);
  // Throws kNotFound, or kConflict unless it has ended.
  void remove(const std::string& id);
  // Moves a QUEUED job in the order. Throws kNotFound, or kConflict unless it is QUEUED.
  Job set_priority(const std::string& id, int priority);
  // Stops and starts claiming, for all lanes; survives a restart.
  void pause();
  void unpause();
  [[nodiscard]] bool paused();

  // ---- doing work
  // Takes the next job of the lane, RUNNING with a lease for `worker`; nullopt when there is none,
  // the queue is paused, or `most_running` jobs of the lane are RUNNING (their leases over or not:
  // a job is never taken again while its old worker may live).
  std::optional<Job> claim(
      std::string_view worker,
      std::int64_t now_ms,
      std::string_view lane = kDeviceLane,
      int most_running = 1,
      const std::optional<std::string>& only_id = std::nullopt);
  // The job that claim() would take, left as it is: whoever runs it looks first whether it can.
  // Give its id to claim() as `only_id`, which then takes that one or none.
  std::optional<Job> next(
      std::int64_t now_ms, std::string_view lane = kDeviceLane, int most_running = 1);
  // The process that runs the job, so that whoever comes after a crash can tell whether it lives.
  bool record_worker(const std::string& id, std::int64_t pid, const std::string& started);
  // Extends the lease and learns of cancellation in the same round trip.
  Heartbeat heartbeat(const std::string& id);
  bool record_progress(
      const std::string& id,
      std::int64_t step,
      std::int64_t total,
      std::optional<double> eta_seconds,
      const base::Json* details = nullptr);  // an object: further fields of the event
  // One report: {"step", "train_loss"?, "eval_loss"?, …} (core/base/worker_protocol.h, "metric").
  bool record_metric(const std::string& id, const base::Json& metric);
  // An answer of the model in training (worker protocol, "sample"): an event job.sample.
  bool record_sample(const std::string& id, const base::Json& sample);
  // A checkpoint was written (worker protocol, "checkpoint"): an event job.checkpoint.
  bool record_checkpoint(const std::string& id, const base::Json& checkpoint);
  // {"peak_bytes", …} (worker protocol, "memory"); keeps the highest peak.
  bool record_memory(const std::string& id, const base::Json& memory);
  // What the attempt that begins runs in (core/hub/job_environment.h). Kept unless the newest
  // one that was kept is the same.
  bool record_environment(const std::string& id, const base::Json& environment);
  bool complete(
      const std::string& id,
      const base::Json& result,
      const std::optional<JobResult>& made = std::nullopt);
  bool fail(const std::string& id, const std::string& reason);
  bool cancelled(const std::string& id, const std::string& reason = "cancelled by request");
  // A QUEUED job keeps waiting for another reason than its turn (kWaitMemory …).
  bool waiting(const std::string& id, std::string_view reason);
  // The attempt crashed: the job is QUEUED again (kWaitRetry) and not taken before `not_before_ms`.
  bool retry(const std::string& id, const std::string& error, std::int64_t not_before_ms);
  // Gives a RUNNING job back to the queue, not counted as an attempt (kWaitServing, kWaitMemory).
  bool release(
      const std::string& id,
      std::string_view reason,
      std::optional<std::int64_t> not_before_ms = std::nullopt);

  // ---- after a crash
  // RUNNING jobs whose lease ended before `now_ms`.
  std::vector<Job> expired(std::int64_t now_ms);

  // ---- looking
  // Throws kNotFound ("job_not_found").
  Job get(const std::string& id);
  std::optional<Job> find(const std::string& id);
  std::vector<Job> list(const JobFilter& filter);
  // The oldest job of that kind on that version that has not ended.
  std::optional<Job> find_live(std::string_view kind, const std::string& version_id);
  // 1 for the next to run; nullopt unless QUEUED.
  std::optional<std::int64_t> position(const std::string& id);
  // The reports with an ordinal greater than `after`, oldest first, as JSON objects with "time" and
  // "ordinal". Throws kNotFound.
  std::vector<std::string> metrics(const std::string& id, std::int64_t after, int limit);
  // The same as they are stored; none of a job that is not there.
  struct Report {
    std::int64_t ordinal = 0;
    std::int64_t time_ms = 0;
    std::string data_json;
  };
  std::vector<Report> reports(const std::string& id, std::int64_t after, int limit);
  // What it ran in, oldest first; none of a job that did not run or is not there.
  struct Environment {
    int attempt = 0;
    std::int64_t time_ms = 0;
    std::string json;
  };
  std::vector<Environment> environments(const std::string& id);
  // How many jobs are in each state, in the order of JobState.
  std::vector<std::int64_t> counts();

 private:
  using StatementMaker =
      std::function<std::unique_ptr<db::Statement>(db::Connection&, std::int64_t now_ms)>;
  bool end_running(std::string_view event, const StatementMaker& make_update);
  bool record_event(const std::string& id, std::string_view type, const base::Json& data);
  void set_paused(bool paused);
  static constexpr const char* kPausedKey = "queue_paused";  // of the settings
  // RUNNING → QUEUED, or CANCELLED where that was asked for meanwhile.
  struct GiveBack {
    std::string_view reason;
    std::optional<std::int64_t> not_before_ms;
    bool counts = false;  // as an attempt
    std::string error;
  };
  bool give_back(const std::string& id, std::string_view event, const GiveBack& how);

  db::Pool& pool_;
  const base::Clock& clock_;
  const Options options_;
};

}  // namespace hub::jobs

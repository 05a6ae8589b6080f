#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "core/base/clock.h"
#include "core/db/pool.h"
#include "core/hub/job_kind.h"
#include "core/hub/job_run.h"
#include "core/hub/job_watch.h"
#include "core/hub/model_pool.h"
#include "core/hub/rank_hosts.h"
#include "core/jobs/event_log.h"
#include "core/jobs/job_queue.h"
#include "core/jobs/peak_memory.h"

namespace hub::hub {

// Takes jobs from the device lane, `device_jobs` at a time, and runs each in a worker process of
// its own. A job whose worker crashes is tried again; one that fails for a reason that its worker
// tells is not. Public functions are thread-safe.
class JobRunner {
 public:
  struct Options {
    std::filesystem::path worker_executable;
    std::filesystem::path jobs_folder;      // <jobs_folder>/<job id>/{spec.json,log.txt,output/}
    std::filesystem::path record_folder{};  // ChildOptions
    std::uint64_t log_bytes = 10'000'000;   // JobLog
    int threads = 0;
    std::function<base::Json()> server_facts{};  // of a job that starts (job_environment.h)
    RankHosts hosts{};                           // of the ranks of data-parallel jobs
    std::string ssh = "ssh";                     // reaches the others
    int device_jobs = 1;                         // how many run at once
    int max_attempts = 3;                        // crashes until a job fails for good
    double retry_seconds = 2.0;                  // until the second attempt (job_watch.h)
    double stall_seconds = 600.0;
    // After it gave its memory to serving, a job waits so long before it asks for it again.
    double yield_seconds = 10.0;
  };
  struct Collaborators {
    db::Pool& database;  // a job's result and its end are one transaction
    jobs::JobQueue& queue;
    jobs::EventLog& events;
    ModelPool& pool;  // gives memory back that idle engines hold
    jobs::PeakMemory& peaks;
    const base::Clock& clock;
  };

  JobRunner(
      Options options,
      const Collaborators& collaborators,
      std::map<std::string, std::unique_ptr<JobKind>> kinds);
  ~JobRunner();  // stop()

  // Gives the jobs of a server that died back to the queue, after ending their workers where they
  // still live, and begins to take jobs.
  void start();
  // Takes no more; running jobs are checkpointed, stopped at their next step and QUEUED again.
  void stop();

  // Asks the running jobs to give their memory to serving: checkpoint, end, QUEUED with the reason
  // yielded_to_serving. False when none runs.
  bool yield();
  // While `resting`, running jobs pause between their steps (thermometer.h).
  void set_resting(bool resting) { resting_ = resting; }

 private:
  void take_up_orphans();
  // A job whose turn it is and what it takes, kept while it waits for memory.
  struct Planned {
    std::string job_id;
    JobPlan plan;
    std::uint64_t bytes = 0;
  };
  void work();
  // Runs the next job to its end. False when there is none or it must wait.
  bool take_next(std::optional<Planned>& planned);
  Planned make_plan(const jobs::Job& job);
  // What was granted; nullopt when there is no room now.
  struct Grant {
    std::unique_ptr<MemoryLedger::Reservation> memory;
    std::uint64_t bytes = 0;
  };
  std::optional<Grant> reserve(const Planned& planned);
  struct Start {
    Grant grant;
    std::uint64_t yields_before = 0;  // yields_ before the memory was granted
  };
  void run(const jobs::Job& job, const JobPlan& plan, Start start);
  std::unique_ptr<JobRun> start_worker(const jobs::Job& job, const JobPlan& plan, Grant grant);
  // Waits for the end while passing on cancellation, limits, rests and shutdown.
  struct Outcome {
    JobEnd end;
    StopCause cause = StopCause::kNone;
  };
  Outcome run_worker(const jobs::Job& job, const JobPlan& plan, Start start);
  Outcome supervise(JobRun& run, const jobs::Job& job, std::uint64_t yields_before);
  // A database that cannot be used ends no job.
  jobs::Heartbeat heartbeat(const std::string& job_id);
  void tell_rest(const std::string& job_id, bool resting);
  // What a job made, kept while its rows cannot be written: files are stored once.
  struct Made {
    std::shared_ptr<const base::Json> result;
    JobKind::WriteRows write_rows;
  };
  void settle(const jobs::Job& job, const Outcome& outcome, Made& made);
  void settle_crash(const jobs::Job& job, const std::string& error);
  [[nodiscard]] JobLimits limits(const jobs::Job& job) const;
  [[nodiscard]] std::int64_t after(double seconds) const;  // from now, in the queue's milliseconds

  const Options options_;
  const Collaborators with_;
  const std::map<std::string, std::unique_ptr<JobKind>> kinds_;
  std::atomic<bool> stopping_{false};
  std::atomic<bool> resting_{false};
  std::atomic<int> running_{0};
  std::atomic<std::uint64_t> yields_{0};  // how often yield() asked
  std::vector<std::thread> threads_;
};

}  // namespace hub::hub

#pragma once

#include <atomic>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <thread>

#include "core/base/clock.h"
#include "core/db/pool.h"
#include "core/hub/job_kind.h"
#include "core/hub/job_run.h"
#include "core/hub/model_pool.h"
#include "core/jobs/event_log.h"
#include "core/jobs/job_queue.h"

namespace hub::hub {

// Takes one job after another from the device lane and runs each in a worker process of its own.
// One thread.
class JobRunner {
 public:
  struct Options {
    std::filesystem::path worker_executable;
    std::filesystem::path jobs_folder;  // <jobs_folder>/<job id>/{spec.json,log.txt,output/}
    int threads = 0;
  };
  struct Collaborators {
    db::Pool& database;  // a job's result and its end are one transaction
    jobs::JobQueue& queue;
    jobs::EventLog& events;
    ModelPool& pool;  // gives memory back that idle engines hold
    const base::Clock& clock;
  };

  JobRunner(
      Options options,
      const Collaborators& collaborators,
      std::map<std::string, std::unique_ptr<JobKind>> kinds);
  ~JobRunner();  // stop()

  // Fails the jobs of a server that died, ends their workers if they still live, and begins to take
  // jobs.
  void start();
  // Takes no more; the running job is stopped at its next step and FAILED with the reason that the
  // hub stopped.
  void stop();

 private:
  void fail_orphans();
  void work();
  void run(const jobs::Job& job);
  // Waits for the end while passing on cancellation, time limit and shutdown; `stopped_because`
  // says which.
  JobEnd supervise(JobRun& run, const jobs::Job& job, std::string& stopped_because);
  void settle(const jobs::Job& job, const JobEnd& end, const std::string& stopped_because);

  const Options options_;
  const Collaborators with_;
  const std::map<std::string, std::unique_ptr<JobKind>> kinds_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace hub::hub

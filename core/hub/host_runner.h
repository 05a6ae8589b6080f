#pragma once

#include <atomic>
#include <string>
#include <thread>

#include "core/base/clock.h"
#include "core/db/pool.h"
#include "core/hub/host_job.h"
#include "core/jobs/event_log.h"
#include "core/jobs/job_queue.h"

namespace hub::hub {

// Takes one job after another from the host lane and runs it in this process: what moves files and
// needs no device, while jobs of the device lane go on. One thread, and one more that watches the
// running job for cancellation.
class HostRunner {
 public:
  struct Collaborators {
    db::Pool& database;  // a job's rows and its end are one transaction
    jobs::JobQueue& queue;
    jobs::EventLog& events;
    const base::Clock& clock;
  };

  HostRunner(const Collaborators& collaborators, HostJobKinds kinds);
  ~HostRunner();  // stop()

  // Gives jobs of a server that died back to the queue: they go on where they were. Before
  // start(), and before anybody fails orphans.
  void recover();
  void start();
  // Takes no more; the running job goes back to the queue for the next server. Idempotent.
  void stop();

 private:
  void work();
  void run(const jobs::Job& job);

  const Collaborators with_;
  const HostJobKinds kinds_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace hub::hub

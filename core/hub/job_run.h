#pragma once

#include <array>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/base/json.h"
#include "core/hub/job_log.h"
#include "core/hub/memory_ledger.h"
#include "core/hub/rank_processes.h"
#include "core/jobs/job_queue.h"

namespace hub::hub {

// How a job's worker ended; of several ranks the one whose end decides (rank_processes.h).
struct JobEnd {
  std::optional<std::string> result;  // JSON; // it succeeded
  std::optional<base::Error> error;   // it said why it failed
  ExitStatus status;
  int rank = 0;
  std::int64_t last_step = 0;

  // For an end without result and error: who ended, how and when.
  [[nodiscard]] std::string crash() const;
};

// One job's worker while it runs: its events go to the queue and to the job's log. Of several ranks
// rank 0 speaks for all; of the others count memory, logs and errors. Made and waited for by the
// runner's thread.
class JobRun {
 public:
  struct Options {
    std::string job_id;
    std::vector<RankLaunch> ranks;
    std::string spec{};  // RankProcesses::Options
    std::filesystem::path log_file;
    std::uint64_t log_bytes = 10'000'000;                // JobLog
    obs::log::Level log_level = obs::log::Level::kInfo;  // what the workers were started with
    std::filesystem::path record_folder{};               // ChildOptions
    std::unique_ptr<MemoryLedger::Reservation> memory;
    // The job's environment (job_environment.h) with what its worker says of itself; may be empty.
    std::function<base::Json(const base::Json& worker)> environment{};
  };

  // Starts the worker. Throws kUnavailable.
  JobRun(Options options, jobs::JobQueue& queue);

  // The end, once it has come; nullopt after `seconds`.
  std::optional<JobEnd> wait(double seconds);

  // Asks it to stop at the next step, with a checkpoint before where `keep_work` says so; the
  // second call after a while sends TERM, the third KILL.
  void stop(bool keep_work);
  // For good, now.
  void kill();
  // Tells the workers this process's log level where it is another than they know. One thread.
  void follow_log_level();
  // Rests between steps, and goes on.
  void pause();
  void resume();

  // Seconds without a sign of progress, pauses left out; the monotonic clock.
  [[nodiscard]] double quiet_seconds() const;
  // What the arrays of one process took at the highest, as the workers reported it.
  [[nodiscard]] std::uint64_t peak_array_bytes() const;

  [[nodiscard]] pid_t pid() const { return ranks_->pid(); }
  [[nodiscard]] std::uint64_t start_time() const { return ranks_->start_time(); }

 private:
  void on_event(int rank, const base::Json& event);
  void on_leaders_event(const std::string& type, const base::Json& data);
  void on_memory(int rank, const base::Json& data);
  void on_end(const RanksEnd& end);

  Options options_;
  jobs::JobQueue& queue_;
  JobLog log_;
  obs::log::Level told_log_level_;
  int stops_ = 0;
  mutable std::mutex mutex_;
  std::condition_variable ended_;
  JobEnd end_;                          // guarded by mutex_
  int error_rank_ = 0;                  // guarded by mutex_; whose end_.error is
  bool has_ended_ = false;              // guarded by mutex_
  bool paused_ = false;                 // guarded by mutex_
  double last_sign_;                    // guarded by mutex_; of progress, in steady seconds
  std::uint64_t peak_array_bytes_ = 0;  // guarded by mutex_
  // Of each rank the figures of its last "memory" event, in the order of kMemoryFigures.
  std::vector<std::array<std::int64_t, 4>> memory_;  // guarded by mutex_
  std::unique_ptr<RankProcesses> ranks_;             // last: its threads use the members above
};

}  // namespace hub::hub

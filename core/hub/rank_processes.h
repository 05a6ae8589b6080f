#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/json.h"
#include "core/hub/child_process.h"
#include "core/hub/rank_launch.h"

namespace hub::hub {

// How a job's workers ended.
struct RanksEnd {
  int rank = 0;       // whose end decides: rank 0's when it succeeded, else the first that was
                      // killed (the others only miss it), else the first that failed
  ExitStatus status;  // of that one
};

// The workers of one job, one for each rank. They work together: when one dies the others are ended
// at once; when one reports a failure, after a moment in which they may do the same. Public
// functions are thread-safe.
class RankProcesses {
 public:
  struct Options {
    std::vector<RankLaunch> launches;  // rank 0 first; at least one
    std::string spec;                  // JSON, for those on other machines
    std::filesystem::path log_file;    // standard error of rank 0; of the others: log_file_of()
    std::filesystem::path record_folder{};                            // ChildOptions
    std::function<void(int rank, const base::Json& event)> on_event;  // on a thread for each rank
    std::function<void(const RanksEnd&)> on_end;  // once, when all have ended, on one of them
  };

  // Starts them all, or none: throws kUnavailable.
  explicit RankProcesses(Options options);
  ~RankProcesses();  // ends those that still run
  RankProcesses(const RankProcesses&) = delete;
  RankProcesses& operator=(const RankProcesses&) = delete;

  // A command to rank 0, which tells the others. False when it no longer reads.
  bool send(std::string_view type, const base::Json& data);
  // To all; who no longer reads misses it.
  void tell_all(std::string_view type, const base::Json& data);
  void signal(int number);
  // Ends those whose time to end by themselves is over; to be called now and then.
  void end_late();

  [[nodiscard]] pid_t pid() const { return children_.front()->pid(); }  // of rank 0
  [[nodiscard]] std::uint64_t start_time() const { return children_.front()->start_time(); }

  // "log.txt" for rank 0, then "log.rank1.txt", …
  static std::filesystem::path log_file_of(const std::filesystem::path& log_file, int rank);

 private:
  void start(int rank);
  void ended(int rank, const ExitStatus& status);
  bool is_cause(const ExitStatus& status) const;
  void end_late_locked();

  const Options options_;
  mutable std::mutex mutex_;
  int running_ = 0;                    // guarded by mutex_
  bool aborted_ = false;               // guarded by mutex_; nobody waits for the end
  bool killed_ = false;                // guarded by mutex_; by end_late(): later ends tell nothing
  std::optional<RanksEnd> failure_;    // guarded by mutex_; whose end decides
  std::optional<ExitStatus> leaders_;  // guarded by mutex_; how rank 0 ended
  std::optional<double> deadline_;     // guarded by mutex_; in steady seconds
  std::vector<std::unique_ptr<ChildProcess>> children_;  // constant once constructed; last
};

}  // namespace hub::hub

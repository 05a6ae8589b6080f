#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <sys/types.h>

#include "core/base/json.h"

namespace hub::hub {

// How a process ended.
struct ExitStatus {
  int code = 0;    // of exit()
  int signal = 0;  // not 0: killed by it
  [[nodiscard]] bool success() const { return code == 0 && signal == 0; }
  [[nodiscard]] std::string text() const;  // "exit code 1", "signal 9 (Killed)"
};

struct ChildOptions {
  std::vector<std::string> command;        // program and arguments
  std::vector<std::string> environment{};  // "NAME=value", instead of what this process has
  std::filesystem::path log_file;          // standard error is appended to it; empty: inherited
  std::filesystem::path
      record_folder{};  // notes pid and start time here while it lives; empty: not
  std::function<void(const base::Json& event)>
      on_event;  // each protocol line, on the child's reader thread
  std::function<void(const ExitStatus&)> on_exit;  // once, on the same thread, after the last event
};

// Ends the processes that a server noted in `record_folder` and did not live to end itself, where
// they still run.
void end_recorded_workers(const std::filesystem::path& record_folder);

// A worker of this server (core/base/worker_protocol.h): a process in a group of its own with pipes
// at standard input and output. Public functions are thread-safe.
class ChildProcess {
 public:
  // Starts it. Throws kUnavailable with the system's reason.
  explicit ChildProcess(ChildOptions options);
  // Closes its standard input, then TERM, then KILL, and waits for the reader thread.
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  // Sends one command line. False when the child no longer reads, provided that this program
  // ignores SIGPIPE, as `mlx-hub serve` does.
  bool send(std::string_view type, const base::Json& data);

  // Sends `number` if the process still is the one that was started.
  void signal(int number);

  [[nodiscard]] bool running() const { return running_; }
  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] std::uint64_t start_time() const { return start_time_; }

 private:
  void start();
  void record() const;
  void read_events();
  void handle_line(const std::string& line);
  // Waits up to `seconds` for the end.
  bool wait_for_exit(double seconds);

  ChildOptions options_;
  pid_t pid_ = -1;
  std::uint64_t start_time_ = 0;
  int output_ = -1;  // the reader thread's
  std::atomic<bool> running_{false};
  std::mutex input_mutex_;
  int input_ = -1;  // guarded by input_mutex_
  std::thread reader_;
};

}  // namespace hub::hub

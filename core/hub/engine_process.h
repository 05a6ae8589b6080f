#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/base/engine_events.h"
#include "core/base/error.h"
#include "core/hub/child_process.h"
#include "core/hub/engine_metrics.h"
#include "core/hub/memory_ledger.h"
#include "core/hub/worker_memory.h"
#include "core/obs/log_record.h"

namespace hub::hub {

// What an engine said last of its work and memory; work.step_seconds counts on from there.
struct EngineFigures {
  base::EngineWork work{};
  WorkerMemory memory{};
};

// One engine worker as the server sees it: starting, ready, or ended. Public functions are
// thread-safe.
class EngineProcess {
 public:
  struct Options {
    std::string model;  // for logs and lists
    std::string base_version_id;
    std::vector<std::string> command;
    std::filesystem::path socket;
    std::filesystem::path log_file;
    obs::log::Level log_level = obs::log::Level::kInfo;  // what the worker was started with
    std::filesystem::path record_folder{};               // ChildOptions
    std::unique_ptr<MemoryLedger::Reservation> memory;
    EngineMetrics* metrics = nullptr;  // outlives it
    // A request ended; on the thread that reads the worker's events: must not block.
    std::function<void(const base::EngineUsage&)> on_usage{};
  };

  // Starts the process; it is ready only after wait_ready().
  explicit EngineProcess(Options options);
  ~EngineProcess();

  // Waits for the event `ready`. Throws what the worker reported, or kUnavailable after `seconds`.
  void wait_ready(double seconds);

  struct Adapter {
    std::string id;
    std::filesystem::path folder;
    std::string digest{};  // of its contents; "": not known
  };
  // Attaches an adapter and waits for the worker's answer; quick when it is attached already.
  // Throws what the worker reported.
  void attach(const Adapter& adapter, double seconds);

  // Asks it to finish its requests and end; returns when it has, or after `seconds`.
  void drain(double seconds);

  // Tells the worker this process's log level where it is another than it knows.
  void follow_log_level();

  // For good, now: it made no step for so long.
  void end_hung(double seconds);

  // True when requests wait and the engine made no step, or said nothing at all, for `seconds`.
  [[nodiscard]] bool stalled(double seconds) const;
  // How it crashed; nullopt while it lives, after it ended as asked, and when it said what is
  // wrong.
  [[nodiscard]] std::optional<std::string> crash() const;

  [[nodiscard]] bool alive() const;
  [[nodiscard]] bool ready() const;
  [[nodiscard]] const std::string& model() const { return options_.model; }
  [[nodiscard]] const std::string& base_version_id() const { return options_.base_version_id; }
  [[nodiscard]] const std::filesystem::path& socket() const { return options_.socket; }
  [[nodiscard]] pid_t pid() const { return child_->pid(); }
  [[nodiscard]] double started_seconds() const { return started_seconds_; }
  [[nodiscard]] double last_used_seconds() const { return last_used_seconds_; }
  [[nodiscard]] std::vector<std::string> adapters() const;
  [[nodiscard]] EngineFigures figures() const;

  // How long it stays loaded without requests, in seconds; nullopt: as the hub is set.
  void keep_alive(std::optional<double> seconds) { keep_alive_seconds_ = seconds.value_or(-1); }
  [[nodiscard]] std::optional<double> keep_alive() const {
    const double seconds = keep_alive_seconds_;
    return seconds < 0 ? std::nullopt : std::optional(seconds);
  }

  // Leases (ModelPool); counts who uses it.
  void add_user(int change);
  [[nodiscard]] int users() const { return users_; }

 private:
  void on_event(const base::Json& event);
  void on_memory(const base::JsonReader& event);
  void on_work(const base::EngineWork& now);
  void on_exit(const ExitStatus& status);

  Options options_;
  const double started_seconds_;
  std::atomic<double> last_used_seconds_;
  std::atomic<int> users_{0};
  std::atomic<double> keep_alive_seconds_{-1};  // below 0: nobody said
  std::atomic<obs::log::Level> told_log_level_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool ready_ = false;                // guarded by mutex_
  bool ended_ = false;                // guarded by mutex_
  bool draining_ = false;             // guarded by mutex_
  std::string hung_;                  // guarded by mutex_; why it was ended, "" where it was not
  std::optional<std::string> crash_;  // guarded by mutex_
  double last_step_ = 0;              // guarded by mutex_; when it made a step or had none to make
  double last_event_ = 0;             // guarded by mutex_; one comes every second
  EngineFigures figures_;             // guarded by mutex_
  std::optional<base::Error> failure_;  // guarded by mutex_
  std::map<std::string, std::optional<base::Error>>
      attached_;                         // guarded by mutex_; answers to attach
  std::unique_ptr<ChildProcess> child_;  // last: its thread uses the members above
};

}  // namespace hub::hub

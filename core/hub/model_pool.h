#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/hub/crash_guard.h"
#include "core/hub/engine_process.h"
#include "core/hub/memory_ledger.h"

namespace hub::hub {

// What a request's `model` value came to: a base version, and a version trained over it.
struct ServedModel {
  std::string base_version_id;
  std::string base_name;
  std::filesystem::path base_folder;
  std::string base_digest{};  // registry::Version's
  struct Trained {
    std::string version_id;
    std::filesystem::path folder;
    std::string digest{};
  };
  std::optional<Trained> adapter{};  // factors: attached to the base's engine
  std::optional<Trained> weights{};  // of a full fine-tuning: an engine of its own

  // Of the version whose weights the engine holds.
  [[nodiscard]] const std::string& engine_id() const {
    return weights ? weights->version_id : base_version_id;
  }
  // Of that version; "" where nobody said.
  [[nodiscard]] const std::string& engine_digest() const {
    return weights ? weights->digest : base_digest;
  }
};

// A model that guesses tokens for another one.
struct DraftFolder {
  std::string version_id{};  // "": a folder that is not registered
  std::filesystem::path folder;
  // Whoever chose it named no model: one that it cannot be for, itself among them, goes without.
  bool is_for_all = false;
};

// The right to send requests to an engine; while any is held the engine is not unloaded to make
// room.
class EngineLease {
 public:
  explicit EngineLease(std::shared_ptr<EngineProcess> engine) : engine_(std::move(engine)) {
    engine_->add_user(1);
  }
  ~EngineLease() {
    if (engine_) {
      engine_->add_user(-1);
    }
  }
  EngineLease(EngineLease&&) noexcept = default;
  EngineLease& operator=(EngineLease&&) = delete;
  [[nodiscard]] const std::filesystem::path& socket() const { return engine_->socket(); }
  // Of the engine, once nobody uses it: seconds in place of Options::idle_unload_seconds; infinity:
  // it stays, but for its memory. What the last request said counts; nullopt: as set.
  void keep_alive(std::optional<double> seconds) { engine_->keep_alive(seconds); }

 private:
  friend class ModelPool;
  std::shared_ptr<EngineProcess> engine_;
};

// One engine worker per loaded base model and per full fine-tuning of one; starts them on demand,
// attaches adapters, unloads idle ones (the longest unused first, pinned ones never) when memory is
// needed or they were idle too long, ends those that hang. Public functions are thread-safe and may
// wait; nobody waits for another model's load.
class ModelPool {
 public:
  struct Options {
    std::filesystem::path worker_executable;
    std::filesystem::path runtime_folder;  // sockets
    std::filesystem::path log_folder;
    std::filesystem::path record_folder{};  // ChildOptions
    std::uint64_t kv_budget_bytes;
    int kv_bits = 0;  // EngineConfig
    int kv_window = 0;
    int kv_sinks = 4;
    int activation_bits = 32;
    bool batch_invariant = false;
    std::filesystem::path prefix_folder{};  // of all models (core/base/prefix_files.h)
    std::uint64_t prefix_disk_bytes = 0;    // below it; 0: engines write no prefixes
    int max_running;
    int speculative_tokens = 16;  // EngineConfig
    // Asked when a model is about to be loaded; nullopt: it has no draft model. May throw.
    std::function<std::optional<DraftFolder>(const ServedModel& model)> draft_for{};
    int max_waiting = 256;
    int threads;
    double load_timeout_seconds;
    // A job takes an engine's memory only when that was idle so long; a load takes it at once.
    double job_patience_seconds = 10.0;
    double idle_unload_seconds = 0;     // 0: an idle engine stays until its memory is needed
    double stall_seconds = 120;         // an engine with requests and without progress is ended
    double slow_step_seconds = 60;      // a step of an engine that takes longer is told of
    double yield_timeout_seconds = 90;  // how long a load waits for a job to give its memory
    // Throws when a version's files are not what was recorded; asked before they are loaded.
    std::function<void(const std::string& version_id)> check_files{};
    EngineMetrics* metrics = nullptr;                          // outlives the pool
    std::function<void(const base::EngineUsage&)> on_usage{};  // EngineProcess::Options
  };

  ModelPool(Options options, MemoryLedger& ledger);
  ~ModelPool();

  // Asked when a model fits only after running jobs gave their memory; false when none can. Set
  // once, before the first acquire().
  void on_memory_needed(std::function<bool()> make_jobs_yield);

  // An engine with the model loaded and the adapter attached. Throws what Options::check_files
  // and Options::draft_for do, kInsufficientMemory with who
  // holds what when it cannot fit, kUnprocessable with the worker's reason when it does not load,
  // kUnavailable when it takes too long, crashed again and again (reason "engine_crash_loop") or
  // the pool is closed.
  EngineLease acquire(const ServedModel& model);

  // A lease where all of it is there already; nullopt: acquire() would have to load something.
  [[nodiscard]] std::optional<EngineLease> lease_if_ready(const ServedModel& model) const;

  // The engine did not answer: whoever asks next gets a new one, even before its end was noticed.
  void lost(const EngineLease& lease);

  // Stops the engine of a base version once its requests have ended. False when it is not loaded.
  bool unload(const std::string& base_version_id);

  // Asked for by hand: forget what crashed before.
  void allow_start(const std::string& base_version_id);

  // A pinned model's engine is never unloaded to make room or for being idle.
  void pin(const std::string& base_version_id, bool pinned);

  // Reserves memory for a job; unloads engines that were idle for job_patience_seconds where that
  // is needed. nullptr when it does not fit even then.
  std::unique_ptr<MemoryLedger::Reservation> reserve_for_job(
      const std::string& owner, std::uint64_t bytes);

  // The most that could be reserved now without unloading anything.
  [[nodiscard]] std::uint64_t free_bytes() const { return ledger_.snapshot().free_bytes(); }
  // The most that could ever be reserved.
  [[nodiscard]] std::uint64_t budget_bytes() const { return ledger_.budget_bytes(); }

  // Unloads what was idle too long, ends what hangs. Called about once a second.
  void keep_house();

  struct EngineInfo {
    std::string model;
    std::string base_version_id;
    std::string state;  // loading, ready
    pid_t pid = -1;
    int users = 0;
    bool pinned = false;
    double idle_seconds = 0;
    std::uint64_t resident_bytes = 0;
    std::filesystem::path log_file{};
    std::vector<std::string> adapters;
    EngineFigures figures{};
    bool slow = false;  // its step runs for more than slow_step_seconds
    double loaded_seconds = 0;
  };
  [[nodiscard]] std::vector<EngineInfo> engines() const;

  // Where a model's engines write what they have to say.
  [[nodiscard]] std::filesystem::path log_file(const std::string& base_name) const;

  // Refuses new leases, drains what runs for up to `seconds`, then ends the workers.
  void close(double seconds);

 private:
  // Looks at the files of what is not loaded yet. May read them: not with mutex_ held.
  void check_files(const ServedModel& model) const;
  // nullptr when it is not loaded or has ended.
  [[nodiscard]] std::shared_ptr<EngineProcess> loaded_engine(
      const std::string& base_version_id) const;
  std::shared_ptr<EngineProcess> ready_engine(const ServedModel& model);
  // What an engine is started with, beside the model.
  struct Needs {
    std::uint64_t bytes = 0;
    std::optional<DraftFolder> draft{};
  };
  // Reads configurations and weights' headers. May throw what Options::draft_for does.
  [[nodiscard]] Needs needs_of(const ServedModel& model) const;
  // The model's engine, running or just started; nullptr when its memory is not there. Two requests
  // never start two engines of one model.
  std::shared_ptr<EngineProcess> find_or_start(const ServedModel& model, const Needs& needs);
  EngineProcess::Options engine_options(
      const ServedModel& model,
      const Needs& needs,
      std::unique_ptr<MemoryLedger::Reservation> memory) const;
  // All with mutex_ held.
  void refuse_crash_loop(const ServedModel& model) const;
  void note_end(const EngineProcess& engine);
  std::map<std::string, std::shared_ptr<EngineProcess>>::iterator idlest(double idle_seconds);
  std::unique_ptr<MemoryLedger::Reservation> reserve_evicting(
      const std::string& owner, std::uint64_t bytes, double idle_seconds);

  const Options options_;
  MemoryLedger& ledger_;
  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<EngineProcess>>
      engines_;                   // guarded by mutex_; by base version id
  std::set<std::string> pinned_;  // guarded by mutex_; base version ids
  CrashGuard crashes_;            // guarded by mutex_
  bool closed_ = false;           // guarded by mutex_
  std::function<bool()> make_jobs_yield_;
};

}  // namespace hub::hub

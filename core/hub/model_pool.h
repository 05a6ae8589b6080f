#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/hub/engine_process.h"
#include "core/hub/memory_ledger.h"

namespace hub::hub {

// What a request's `model` value came to: a base version, and an adapter version over it.
struct ServedModel {
  std::string base_version_id;
  std::string base_name;
  std::filesystem::path base_folder;
  struct Adapter {
    std::string version_id;
    std::filesystem::path folder;
  };
  std::optional<Adapter> adapter;
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

 private:
  friend class ModelPool;
  std::shared_ptr<EngineProcess> engine_;
};

// One engine worker per loaded base model; starts them on demand, attaches adapters, unloads idle
// ones when memory is needed. Public functions are thread-safe and may wait.
class ModelPool {
 public:
  struct Options {
    std::filesystem::path worker_executable;
    std::filesystem::path runtime_folder;  // sockets
    std::filesystem::path log_folder;
    std::uint64_t kv_budget_bytes;
    int max_running;
    int threads;
    double load_timeout_seconds;
    // Throws when a version's files are not what was recorded; asked before they are loaded.
    std::function<void(const std::string& version_id)> check_files{};
  };

  ModelPool(Options options, MemoryLedger& ledger);
  ~ModelPool();

  // An engine with the model loaded and the adapter attached. Throws what Options::check_files
  // does, kInsufficientMemory when it cannot fit now, kUnprocessable with the worker's reason when
  // it does not load, kUnavailable when it takes too long or the pool is closed.
  EngineLease acquire(const ServedModel& model);

  // The engine did not answer: whoever asks next gets a new one, even before its end was noticed.
  void lost(const EngineLease& lease);

  // Stops the engine of a base version once its requests have ended. False when it is not loaded.
  bool unload(const std::string& base_version_id);

  // Reserves memory in the ledger; unloads idle engines, the longest unused first, where that is
  // needed. nullptr when it does not fit even then.
  std::unique_ptr<MemoryLedger::Reservation> reserve(const std::string& owner, std::uint64_t bytes);

  struct EngineInfo {
    std::string model;
    std::string base_version_id;
    std::string state;  // loading, ready
    pid_t pid = -1;
    int users = 0;
    std::uint64_t resident_bytes = 0;
    std::vector<std::string> adapters;
    double loaded_seconds = 0;
  };
  [[nodiscard]] std::vector<EngineInfo> engines() const;

  // Refuses new leases, drains what runs for up to `seconds`, then ends the workers.
  void close(double seconds);

 private:
  // Looks at the files of what is not loaded yet. May read them: not with mutex_ held.
  void check_files(const ServedModel& model) const;
  std::shared_ptr<EngineProcess> ready_engine(const ServedModel& model);
  // Both with mutex_ held: two requests must not start two engines of one model.
  std::shared_ptr<EngineProcess> start_engine(const ServedModel& model);
  std::unique_ptr<MemoryLedger::Reservation> reserve_evicting(
      const std::string& owner, std::uint64_t bytes);

  const Options options_;
  MemoryLedger& ledger_;
  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<EngineProcess>>
      engines_;          // guarded by mutex_; by base version id
  bool closed_ = false;  // guarded by mutex_
};

}  // namespace hub::hub

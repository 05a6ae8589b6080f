#include "core/hub/model_pool.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/base/ids.h"
#include "core/hub/process_info.h"
#include "core/model_config/memory_estimate.h"
#include "core/model_config/weight_files.h"
#include "core/obs/log.h"

namespace hub::hub {
namespace {

using base::Error;
using base::ErrorCode;

}  // namespace

ModelPool::ModelPool(Options options, MemoryLedger& ledger)
    : options_(std::move(options)), ledger_(ledger) {}

ModelPool::~ModelPool() {
  close(0);
}

void ModelPool::check_files(const ServedModel& model) const {
  if (!options_.check_files) {
    return;
  }
  bool has_base = false;
  bool has_adapter = false;
  {
    const std::lock_guard lock(mutex_);
    const auto found = engines_.find(model.base_version_id);
    has_base = found != engines_.end() && found->second->alive();
    if (has_base && model.adapter) {
      const auto attached = found->second->adapters();
      has_adapter =
          std::find(attached.begin(), attached.end(), model.adapter->version_id) != attached.end();
    }
  }
  if (!has_base) {
    options_.check_files(model.base_version_id);
  }
  if (model.adapter && !has_adapter) {
    options_.check_files(model.adapter->version_id);
  }
}

EngineLease ModelPool::acquire(const ServedModel& model) {
  check_files(model);
  const std::shared_ptr<EngineProcess> engine = ready_engine(model);
  EngineLease lease(engine);
  engine->wait_ready(options_.load_timeout_seconds);
  if (model.adapter) {
    engine->attach(model.adapter->version_id, model.adapter->folder, options_.load_timeout_seconds);
  }
  return lease;
}

std::shared_ptr<EngineProcess> ModelPool::ready_engine(const ServedModel& model) {
  std::shared_ptr<EngineProcess>
      ended;  // destroyed outside the lock: its destructor waits for a thread
  const std::lock_guard lock(mutex_);
  if (closed_) {
    throw Error(ErrorCode::kUnavailable, "the hub is shutting down");
  }
  if (const auto found = engines_.find(model.base_version_id); found != engines_.end()) {
    if (found->second->alive()) {
      return found->second;
    }
    ended = std::move(found->second);
    engines_.erase(found);
  }
  auto engine = start_engine(model);
  engines_[model.base_version_id] = engine;
  return engine;
}

std::shared_ptr<EngineProcess> ModelPool::start_engine(const ServedModel& model) {
  const auto config = model_config::ModelConfig::load(model.base_folder);
  const std::uint64_t weight_bytes =
      model_config::loaded_bytes(model_config::read_weight_files(model.base_folder));
  const std::uint64_t kv_tokens =
      options_.kv_budget_bytes /
      std::max<std::uint64_t>(1, model_config::kv_bytes_per_token(config));
  const std::uint64_t bytes = model_config::serving_bytes(config, weight_bytes, kv_tokens);
  const std::string owner = "engine " + model.base_name;

  auto memory = reserve_evicting(owner, bytes);
  if (!memory) {
    throw Error(
        ErrorCode::kInsufficientMemory,
        fmt::format(
            "model '{}' needs {} MiB, but {} of {} MiB are in use and no engine is idle",
            model.base_name,
            bytes >> 20U,
            ledger_.reserved_bytes() >> 20U,
            ledger_.budget_bytes() >> 20U),
        "model",
        "insufficient_memory");
  }

  EngineProcess::Options engine;
  engine.model = model.base_name;
  engine.base_version_id = model.base_version_id;
  engine.socket = options_.runtime_folder / fmt::format("e-{}.sock", base::new_id().substr(28));
  engine.log_file = options_.log_folder / fmt::format("engine-{}.log", model.base_name);
  engine.memory = std::move(memory);
  engine.command = {
      options_.worker_executable.string(),
      "engine",
      "--model",
      model.base_folder.string(),
      "--name",
      model.base_name,
      "--socket",
      engine.socket.string(),
      "--kv-budget-bytes",
      std::to_string(options_.kv_budget_bytes),
      "--max-running",
      std::to_string(options_.max_running)};
  if (options_.threads > 0) {
    engine.command.insert(engine.command.end(), {"--threads", std::to_string(options_.threads)});
  }
  return std::make_shared<EngineProcess>(std::move(engine));
}

void ModelPool::lost(const EngineLease& lease) {
  std::shared_ptr<EngineProcess> engine;  // may end here, outside the lock: its end takes a moment
  const std::lock_guard lock(mutex_);
  const auto found = engines_.find(lease.engine_->base_version_id());
  if (found != engines_.end() && found->second == lease.engine_) {
    engine = std::move(found->second);
    engines_.erase(found);
  }
}

bool ModelPool::unload(const std::string& base_version_id) {
  std::shared_ptr<EngineProcess> engine;
  {
    const std::lock_guard lock(mutex_);
    const auto found = engines_.find(base_version_id);
    if (found == engines_.end()) {
      return false;
    }
    engine = std::move(found->second);
    engines_.erase(found);
  }
  engine->drain(options_.load_timeout_seconds);
  return true;
}

std::unique_ptr<MemoryLedger::Reservation> ModelPool::reserve(
    const std::string& owner, std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  return reserve_evicting(owner, bytes);
}

std::unique_ptr<MemoryLedger::Reservation> ModelPool::reserve_evicting(
    const std::string& owner, std::uint64_t bytes) {
  if (bytes > ledger_.budget_bytes()) {
    return nullptr;
  }
  while (true) {
    if (auto memory = ledger_.reserve(owner, bytes)) {
      return memory;
    }
    auto idlest = engines_.end();
    for (auto it = engines_.begin(); it != engines_.end(); ++it) {
      const bool earlier = idlest == engines_.end() ||
                           it->second->last_used_seconds() < idlest->second->last_used_seconds();
      if (it->second->users() == 0 && earlier) {
        idlest = it;
      }
    }
    if (idlest == engines_.end()) {
      return nullptr;
    }
    obs::log::info("engine_evicted", {{"model", idlest->second->model()}, {"for", owner}});
    engines_.erase(idlest);  // waits for the process, so that its memory is really free
  }
}

std::vector<ModelPool::EngineInfo> ModelPool::engines() const {
  const std::lock_guard lock(mutex_);
  std::vector<EngineInfo> result;
  for (const auto& [id, engine] : engines_) {
    if (!engine->alive()) {
      continue;
    }
    EngineInfo info;
    info.model = engine->model();
    info.base_version_id = id;
    info.state = engine->ready() ? "ready" : "loading";
    info.pid = engine->pid();
    info.users = engine->users();
    info.resident_bytes = resident_bytes(engine->pid());
    info.adapters = engine->adapters();
    info.loaded_seconds = base::steady_seconds() - engine->started_seconds();
    result.push_back(std::move(info));
  }
  return result;
}

void ModelPool::close(double seconds) {
  std::map<std::string, std::shared_ptr<EngineProcess>> engines;
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    engines.swap(engines_);
  }
  const double end = base::steady_seconds() + seconds;
  for (const auto& [id, engine] : engines) {
    engine->drain(std::max(0.0, end - base::steady_seconds()));
  }
}

}  // namespace hub::hub

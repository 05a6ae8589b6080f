#include "core/hub/model_pool.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <thread>

#include <fmt/format.h>

#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/hub/log_files.h"
#include "core/hub/process_info.h"
#include "core/obs/log.h"

namespace hub::hub {
namespace {

using base::Error;
using base::ErrorCode;

constexpr std::chrono::milliseconds kRoomWait{50};

bool has_adapter(const EngineProcess& engine, const std::string& version_id) {
  const auto attached = engine.adapters();
  return std::ranges::find(attached, version_id) != attached.end();
}

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
  const auto engine = loaded_engine(model.engine_id());
  if (!engine) {
    options_.check_files(model.base_version_id);
    if (model.weights) {
      options_.check_files(model.weights->version_id);
    }
  }
  if (!model.adapter) {
    return;
  }
  if (!engine || !has_adapter(*engine, model.adapter->version_id)) {
    options_.check_files(model.adapter->version_id);
  }
}

EngineLease ModelPool::acquire(const ServedModel& model) {
  check_files(model);
  const std::shared_ptr<EngineProcess> engine = ready_engine(model);
  EngineLease lease(engine);
  engine->wait_ready(options_.load_timeout_seconds);
  if (model.adapter) {
    engine->attach(
        {.id = model.adapter->version_id,
         .folder = model.adapter->folder,
         .digest = model.adapter->digest},
        options_.load_timeout_seconds);
  }
  return lease;
}

std::optional<EngineLease> ModelPool::lease_if_ready(const ServedModel& model) const {
  auto engine = loaded_engine(model.engine_id());
  if (!engine || !engine->ready()) {
    return std::nullopt;
  }
  if (model.adapter && !has_adapter(*engine, model.adapter->version_id)) {
    return std::nullopt;
  }
  return EngineLease(std::move(engine));
}

void ModelPool::on_memory_needed(std::function<bool()> make_jobs_yield) {
  make_jobs_yield_ = std::move(make_jobs_yield);
}

std::shared_ptr<EngineProcess> ModelPool::loaded_engine(const std::string& base_version_id) const {
  const std::lock_guard lock(mutex_);
  const auto found = engines_.find(base_version_id);
  const bool lives = !closed_ && found != engines_.end() && found->second->alive();
  return lives ? found->second : nullptr;
}

std::shared_ptr<EngineProcess> ModelPool::ready_engine(const ServedModel& model) {
  if (auto engine = loaded_engine(model.engine_id())) {
    return engine;  // the usual case: no file is looked at
  }
  const Needs needs = needs_of(model);
  const std::uint64_t bytes = needs.bytes;
  const double end = base::steady_seconds() + options_.yield_timeout_seconds;
  bool yields = false;
  while (true) {
    if (auto engine = find_or_start(model, needs)) {
      return engine;
    }
    // Only a job can still make room: it needs a moment to come to the end of its step.
    const bool can_fit = bytes <= ledger_.budget_bytes();
    if (!yields && can_fit && make_jobs_yield_) {
      yields = make_jobs_yield_();
      if (yields) {
        obs::log::info("jobs_yield", {{"for", model.base_name}, {"bytes", bytes}});
      }
    }
    if (!yields || base::steady_seconds() > end) {
      throw Error(
          ErrorCode::kInsufficientMemory,
          fmt::format(
              "model '{}' needs {} MiB, but {}; {}",
              model.base_name,
              bytes >> 20U,
              describe(ledger_.snapshot()),
              can_fit ? "no engine is idle" : "raise memory_fraction, or lower kv_budget_bytes"),
          "model",
          "insufficient_memory");
    }
    std::this_thread::sleep_for(kRoomWait);
  }
}

void ModelPool::lost(const EngineLease& lease) {
  std::shared_ptr<EngineProcess> engine;  // may end here, outside the lock: its end takes a moment
  const std::lock_guard lock(mutex_);
  const auto found = engines_.find(lease.engine_->base_version_id());
  if (found != engines_.end() && found->second == lease.engine_) {
    note_end(*found->second);
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

void ModelPool::allow_start(const std::string& base_version_id) {
  const std::lock_guard lock(mutex_);
  crashes_.forget(base_version_id);
}

void ModelPool::pin(const std::string& base_version_id, bool pinned) {
  const std::lock_guard lock(mutex_);
  if (pinned) {
    pinned_.insert(base_version_id);
  } else {
    pinned_.erase(base_version_id);
  }
}

std::unique_ptr<MemoryLedger::Reservation> ModelPool::reserve_for_job(
    const std::string& owner, std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  return reserve_evicting(owner, bytes, options_.job_patience_seconds);
}

std::map<std::string, std::shared_ptr<EngineProcess>>::iterator ModelPool::idlest(
    double idle_seconds) {
  const double now = base::steady_seconds();
  auto idlest = engines_.end();
  for (auto it = engines_.begin(); it != engines_.end(); ++it) {
    const EngineProcess& engine = *it->second;
    if (engine.users() > 0 || pinned_.contains(it->first) ||
        now - engine.last_used_seconds() < idle_seconds) {
      continue;
    }
    if (idlest == engines_.end() ||
        engine.last_used_seconds() < idlest->second->last_used_seconds()) {
      idlest = it;
    }
  }
  return idlest;
}

std::unique_ptr<MemoryLedger::Reservation> ModelPool::reserve_evicting(
    const std::string& owner, std::uint64_t bytes, double idle_seconds) {
  if (bytes > ledger_.budget_bytes()) {
    return nullptr;
  }
  while (true) {
    if (auto memory = ledger_.reserve(owner, bytes)) {
      return memory;
    }
    const auto victim = idlest(idle_seconds);
    if (victim == engines_.end()) {
      return nullptr;
    }
    obs::log::info("engine_evicted", {{"model", victim->second->model()}, {"for", owner}});
    engines_.erase(victim);  // waits for the process, so that its memory is really free
  }
}

void ModelPool::keep_house() {
  std::vector<std::shared_ptr<EngineProcess>> leaving;  // end outside the lock
  const double patience = options_.idle_unload_seconds > 0
                              ? options_.idle_unload_seconds
                              : std::numeric_limits<double>::infinity();
  const std::lock_guard lock(mutex_);
  for (auto it = engines_.begin(); it != engines_.end();) {
    EngineProcess& engine = *it->second;
    engine.follow_log_level();
    const double idle = base::steady_seconds() - engine.last_used_seconds();
    if (engine.alive() && engine.stalled(options_.stall_seconds)) {
      obs::log::error(
          "engine_stalled", {{"model", engine.model()}, {"seconds", options_.stall_seconds}});
      engine.end_hung(options_.stall_seconds);  // its requests end with engine_lost; the next one
                                                // starts a new engine
      ++it;
    } else if (
        engine.users() == 0 && !pinned_.contains(it->first) &&
        idle >= engine.keep_alive().value_or(patience)) {
      obs::log::info("engine_idle_unloaded", {{"model", engine.model()}, {"seconds", idle}});
      leaving.push_back(std::move(it->second));
      it = engines_.erase(it);
    } else {
      ++it;
    }
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
    info.pinned = pinned_.contains(id);
    info.idle_seconds = info.users > 0 ? 0.0 : base::steady_seconds() - engine->last_used_seconds();
    info.resident_bytes = resident_bytes(engine->pid());
    info.adapters = engine->adapters();
    info.figures = engine->figures();
    info.slow = info.figures.work.step_seconds > options_.slow_step_seconds;
    info.loaded_seconds = base::steady_seconds() - engine->started_seconds();
    result.push_back(std::move(info));
  }
  return result;
}

std::filesystem::path ModelPool::log_file(const std::string& base_name) const {
  return options_.log_folder / engine_log_name(base_name);
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

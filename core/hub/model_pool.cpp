#include "core/hub/model_pool.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <thread>

#include <fmt/format.h>

#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/base/ids.h"
#include "core/hub/log_files.h"
#include "core/hub/process_info.h"
#include "core/model_config/memory_estimate.h"
#include "core/model_config/text_part.h"
#include "core/obs/log.h"

namespace hub::hub {
namespace {

using base::Error;
using base::ErrorCode;

constexpr std::chrono::milliseconds kRoomWait{50};

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
  const auto attached = engine ? engine->adapters() : std::vector<std::string>();
  if (std::find(attached.begin(), attached.end(), model.adapter->version_id) == attached.end()) {
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
  const std::uint64_t bytes = needed_bytes(model);
  const double end = base::steady_seconds() + options_.yield_timeout_seconds;
  bool yields = false;
  while (true) {
    if (auto engine = find_or_start(model, bytes)) {
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

std::uint64_t ModelPool::needed_bytes(const ServedModel& model) const {
  const auto config = model_config::ModelConfig::load(model.base_folder);
  const std::uint64_t weight_bytes =
      model_config::loaded_bytes(model_config::read_text_weights(model.base_folder, config));
  const std::uint64_t kv_tokens =
      options_.kv_budget_bytes /
      std::max<std::uint64_t>(1, model_config::kv_bytes_per_token(config));
  return model_config::worker_bytes(model_config::serving_bytes(config, weight_bytes, kv_tokens));
}

std::shared_ptr<EngineProcess> ModelPool::find_or_start(
    const ServedModel& model, std::uint64_t bytes) {
  std::shared_ptr<EngineProcess>
      ended;  // destroyed outside the lock: its destructor waits for a thread
  const std::lock_guard lock(mutex_);
  if (closed_) {
    throw Error(ErrorCode::kUnavailable, "the hub is shutting down");
  }
  if (const auto found = engines_.find(model.engine_id()); found != engines_.end()) {
    if (found->second->alive()) {
      return found->second;
    }
    note_end(*found->second);
    ended = std::move(found->second);
    engines_.erase(found);
  }
  refuse_crash_loop(model);
  auto memory = reserve_evicting("engine " + model.base_name, bytes, 0);
  if (!memory) {
    return nullptr;
  }
  auto engine = std::make_shared<EngineProcess>(engine_options(model, std::move(memory)));
  engines_[model.engine_id()] = engine;
  return engine;
}

void ModelPool::note_end(const EngineProcess& engine) {
  if (const auto crash = engine.crash()) {
    crashes_.crashed(
        engine.base_version_id(),
        base::steady_seconds(),
        base::steady_seconds() - engine.started_seconds(),
        *crash);
  }
}

void ModelPool::refuse_crash_loop(const ServedModel& model) const {
  const auto verdict = crashes_.may_start(model.engine_id(), base::steady_seconds());
  if (verdict.wait_seconds > 0) {
    throw Error(
        ErrorCode::kUnavailable,
        fmt::format(
            "the engine of '{}' crashed {} times in a row (last: {}); it starts again in {:.0f} s, "
            "or at once by POST /engines/{}/load",
            model.base_name,
            verdict.crashes,
            verdict.why,
            std::ceil(verdict.wait_seconds),
            model.base_name),
        "model",
        "engine_crash_loop");
  }
}

EngineProcess::Options ModelPool::engine_options(
    const ServedModel& model, std::unique_ptr<MemoryLedger::Reservation> memory) const {
  EngineProcess::Options engine;
  engine.model = model.base_name;
  engine.base_version_id = model.engine_id();
  engine.socket = options_.runtime_folder / fmt::format("e-{}.sock", base::new_id().substr(28));
  engine.log_file = log_file(model.base_name);
  engine.log_level = obs::log::level();
  engine.record_folder = options_.record_folder;
  engine.memory = std::move(memory);
  engine.metrics = options_.metrics;
  engine.on_usage = options_.on_usage;
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
      std::to_string(options_.max_running),
      "--speculative-tokens",
      std::to_string(options_.speculative_tokens),
      "--max-waiting",
      std::to_string(options_.max_waiting),
      "--slow-step-seconds",
      fmt::format("{}", options_.slow_step_seconds),
      "--log-format",
      "json",
      "--log-level",
      std::string(obs::log::to_string(engine.log_level))};
  if (model.weights) {
    engine.command.insert(engine.command.end(), {"--weights", model.weights->folder.string()});
  }
  if (options_.threads > 0) {
    engine.command.insert(engine.command.end(), {"--threads", std::to_string(options_.threads)});
  }
  return engine;
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
        options_.idle_unload_seconds > 0 && engine.users() == 0 && !pinned_.contains(it->first) &&
        idle >= options_.idle_unload_seconds) {
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

#include "core/hub/engine_process.h"

#include <chrono>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <signal.h>

#include "core/base/clock.h"
#include "core/base/json_reader.h"
#include "core/hub/worker_error.h"
#include "core/obs/log.h"

namespace hub::hub {
namespace {

using base::Error;
using base::ErrorCode;

std::int64_t requests(const base::EngineWork& work) {
  return work.running + work.waiting;
}

std::chrono::duration<double> wait_time(double seconds) {
  return std::chrono::duration<double>(seconds);
}

}  // namespace

EngineProcess::EngineProcess(Options options)
    : options_(std::move(options)),
      started_seconds_(base::steady_seconds()),
      last_used_seconds_(started_seconds_),
      told_log_level_(options_.log_level) {
  ChildOptions child;
  child.command = options_.command;
  child.log_file = options_.log_file;
  child.record_folder = options_.record_folder;
  child.on_event = [this](const base::Json& event) { on_event(event); };
  child.on_exit = [this](const ExitStatus& status) { on_exit(status); };
  child_ = std::make_unique<ChildProcess>(std::move(child));
  obs::log::info("engine_started", {{"model", options_.model}, {"pid", child_->pid()}});
}

EngineProcess::~EngineProcess() {
  child_.reset();
  std::error_code error;
  std::filesystem::remove(options_.socket, error);
}

void EngineProcess::wait_ready(double seconds) {
  std::unique_lock lock(mutex_);
  const bool answered =
      changed_.wait_for(lock, wait_time(seconds), [this] { return ready_ || ended_; });
  if (!answered) {
    throw Error(
        ErrorCode::kUnavailable,
        fmt::format(
            "model '{}' was not loaded within {} seconds; it may still be loading",
            options_.model,
            seconds));
  }
  if (!ready_) {
    throw Error(*failure_);
  }
}

void EngineProcess::attach(const Adapter& adapter, double seconds) {
  const std::string& id = adapter.id;
  std::unique_lock lock(mutex_);
  if (const auto known = attached_.find(id); known != attached_.end()) {
    if (!known->second) {
      return;
    }
    attached_.erase(known);  // it failed before; its files may be whole now
  }
  lock.unlock();
  child_->send(
      "attach", {{"id", id}, {"folder", adapter.folder.string()}, {"digest", adapter.digest}});
  lock.lock();
  const bool answered =
      changed_.wait_for(lock, wait_time(seconds), [&] { return ended_ || attached_.contains(id); });
  if (!answered) {
    throw Error(
        ErrorCode::kUnavailable,
        fmt::format("adapter {} was not attached within {} seconds", id, seconds));
  }
  if (ended_) {
    throw Error(*failure_);
  }
  if (const auto& failure = attached_.at(id)) {
    throw Error(*failure);
  }
}

void EngineProcess::drain(double seconds) {
  {
    const std::lock_guard lock(mutex_);
    draining_ = true;
  }
  child_->send("drain", base::Json::object());
  std::unique_lock lock(mutex_);
  if (!changed_.wait_for(lock, wait_time(seconds), [this] { return ended_; })) {
    obs::log::warning("engine_drain_timeout", {{"model", options_.model}, {"pid", child_->pid()}});
  }
}

void EngineProcess::follow_log_level() {
  const obs::log::Level level = obs::log::level();
  if (level != told_log_level_.exchange(level)) {
    child_->send("log_level", {{"level", obs::log::to_string(level)}});
  }
}

void EngineProcess::end_hung(double seconds) {
  {
    const std::lock_guard lock(mutex_);
    hung_ = fmt::format("it made no step for {:g} seconds", seconds);
  }
  child_->signal(SIGKILL);
}

bool EngineProcess::stalled(double seconds) const {
  const std::lock_guard lock(mutex_);
  const double now = base::steady_seconds();
  return ready_ && ((requests(figures_.work) > 0 && now - last_step_ > seconds) ||
                    (users_ > 0 && now - last_event_ > seconds));
}

std::optional<std::string> EngineProcess::crash() const {
  const std::lock_guard lock(mutex_);
  return crash_;
}

bool EngineProcess::alive() const {
  const std::lock_guard lock(mutex_);
  return !ended_;
}

bool EngineProcess::ready() const {
  const std::lock_guard lock(mutex_);
  return ready_ && !ended_;
}

std::vector<std::string> EngineProcess::adapters() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> ids;
  for (const auto& [id, failure] : attached_) {
    if (!failure) {
      ids.push_back(id);
    }
  }
  return ids;
}

void EngineProcess::add_user(int change) {
  users_ += change;
  last_used_seconds_ = base::steady_seconds();
}

void EngineProcess::on_event(const base::Json& event) {
  const base::JsonReader reader(event);
  const std::string type = reader.string("type");
  {
    const std::lock_guard lock(mutex_);
    last_event_ = base::steady_seconds();
  }
  if (type == "memory") {
    on_memory(reader);
    return;
  }
  if (type == "work") {
    on_work(base::engine_work(event));
    return;
  }
  if (type == "usage") {
    if (options_.metrics != nullptr) {
      options_.metrics->usage(options_.model, base::engine_usage(event));
    }
    if (options_.on_usage) {
      options_.on_usage(base::engine_usage(event));
    }
    return;
  }
  if (type == "log") {
    obs::log::info(
        "engine_log",
        {{"model", options_.model}, {"message", reader.optional_string("message").value_or("")}});
    return;
  }
  const std::lock_guard lock(mutex_);
  if (type == "ready") {
    ready_ = true;
    if (options_.metrics != nullptr) {
      options_.metrics->loaded(base::steady_seconds() - started_seconds_);
    }
    obs::log::info(
        "engine_ready",
        {{"model", options_.model}, {"seconds", base::steady_seconds() - started_seconds_}});
  } else if (type == "attached") {
    const base::Json* error = reader.optional_object("error");
    attached_[reader.string("id")] =
        error != nullptr ? std::optional(worker_error(*error)) : std::nullopt;
  } else if (type == "detached") {
    attached_.erase(reader.string("id"));
  } else if (type == "error") {
    failure_ = worker_error(event);
  }
  changed_.notify_all();
}

void EngineProcess::on_memory(const base::JsonReader& event) {
  options_.memory->measured(event);
  const std::lock_guard lock(mutex_);
  const auto bytes = [&event](const char* name) {
    return static_cast<double>(event.optional_int(name, 0, INT64_MAX).value_or(0));
  };
  figures_.memory.active_bytes = bytes("active_bytes");
  figures_.memory.cache_bytes = bytes("cache_bytes");
  figures_.memory.peak_bytes = bytes("peak_bytes");
}

void EngineProcess::on_work(const base::EngineWork& now) {
  const std::lock_guard lock(mutex_);
  if (options_.metrics != nullptr) {
    options_.metrics->work(options_.model, figures_.work, now);
  }
  if (now.steps != figures_.work.steps || requests(figures_.work) == 0) {
    last_step_ = base::steady_seconds();
  }
  figures_.work = now;
}

EngineFigures EngineProcess::figures() const {
  const std::lock_guard lock(mutex_);
  EngineFigures figures = figures_;
  if (figures.work.step_seconds > 0) {  // also of one that says nothing any more
    figures.work.step_seconds += base::steady_seconds() - last_event_;
  }
  return figures;
}

void EngineProcess::on_exit(const ExitStatus& status) {
  options_.memory
      .reset();  // only this thread uses it; its memory is free whether or not anybody looks again
  const std::lock_guard lock(mutex_);
  ended_ = true;
  if (!failure_ && !draining_) {
    crash_ = hung_.empty() ? status.text() : hung_;
  }
  if (options_.metrics != nullptr) {
    options_.metrics->ended(
        !hung_.empty() ? "hung"
        : crash_       ? "crashed"
        : failure_     ? "failed"
                       : "asked");
  }
  if (!failure_) {
    failure_ = Error(
        ErrorCode::kUnavailable,
        fmt::format("the engine of model '{}' ended ({})", options_.model, status.text()),
        {},
        "engine_lost");
  }
  obs::log::info("engine_ended", {{"model", options_.model}, {"status", status.text()}});
  changed_.notify_all();
}

}  // namespace hub::hub

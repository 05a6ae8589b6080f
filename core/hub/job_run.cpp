#include "core/hub/job_run.h"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <signal.h>

#include "core/base/clock.h"
#include "core/base/json_reader.h"
#include "core/hub/worker_error.h"

namespace hub::hub {
namespace {

using base::Json;
using base::JsonReader;

constexpr std::int64_t kMost = INT64_MAX;

}  // namespace

JobRun::JobRun(Options options, jobs::JobQueue& queue)
    : options_(std::move(options)),
      queue_(queue),
      log_(options_.log_file, std::ios::app),
      last_sign_(base::steady_seconds()) {
  ChildOptions child;
  child.command = options_.command;
  child.log_file = options_.log_file;
  child.record_folder = options_.record_folder;
  child.on_event = [this](const Json& event) { on_event(event); };
  child.on_exit = [this](const ExitStatus& status) { on_exit(status); };
  child_ = std::make_unique<ChildProcess>(std::move(child));
  queue_.record_worker(options_.job_id, child_->pid(), std::to_string(child_->start_time()));
}

std::optional<JobEnd> JobRun::wait(double seconds) {
  std::unique_lock lock(mutex_);
  if (!ended_.wait_for(
          lock, std::chrono::duration<double>(seconds), [this] { return has_ended_; })) {
    return std::nullopt;
  }
  return end_;
}

void JobRun::stop(bool keep_work) {
  ++stops_;
  if (stops_ == 1) {
    if (keep_work) {
      child_->send("checkpoint", Json::object());
    }
    child_->send("stop", Json::object());
  } else {
    child_->signal(stops_ == 2 ? SIGTERM : SIGKILL);
  }
}

void JobRun::kill() {
  child_->signal(SIGKILL);
}

void JobRun::pause() {
  child_->send("pause", Json::object());
  const std::lock_guard lock(mutex_);
  paused_ = true;
}

void JobRun::resume() {
  child_->send("resume", Json::object());
  const std::lock_guard lock(mutex_);
  paused_ = false;
  last_sign_ = base::steady_seconds();
}

double JobRun::quiet_seconds() const {
  const std::lock_guard lock(mutex_);
  return paused_ ? 0.0 : base::steady_seconds() - last_sign_;
}

std::uint64_t JobRun::peak_array_bytes() const {
  const std::lock_guard lock(mutex_);
  return peak_array_bytes_;
}

void JobRun::log(const std::string& level, const std::string& message) {
  log_ << base::rfc3339(base::SystemClock().now_ms()) << ' ' << level << ' ' << message
       << std::endl;
}

void JobRun::on_event(const Json& event) {
  const JsonReader reader(event);
  const std::string type = reader.string("type");
  Json data = event;
  data.erase("v");
  data.erase("type");
  if (type != "memory") {  // which another thread of the worker sends, whatever its work does
    const std::lock_guard lock(mutex_);
    last_sign_ = base::steady_seconds();
  }
  if (type == "progress") {
    const auto step = reader.optional_int("step", 0, kMost).value_or(0);
    queue_.record_progress(
        options_.job_id,
        step,
        reader.optional_int("total", 0, kMost).value_or(0),
        reader.optional_number("eta_seconds", 0, 1e12));
    const std::lock_guard lock(mutex_);
    end_.last_step = step;
  } else if (type == "metric") {
    queue_.record_metric(options_.job_id, data);
    log("info", "metric " + data.dump());
  } else if (type == "sample") {
    queue_.record_sample(options_.job_id, data);
    log("info", "sample " + data.dump(-1, ' ', false, Json::error_handler_t::replace));
  } else if (type == "memory") {
    options_.memory->measured(reader);
    queue_.record_memory(options_.job_id, data);
    const std::lock_guard lock(mutex_);
    peak_array_bytes_ = std::max(
        peak_array_bytes_,
        static_cast<std::uint64_t>(reader.optional_int("peak_bytes", 0, kMost).value_or(0)));
  } else if (type == "result") {
    log("info", "result " + data.dump());
    const std::lock_guard lock(mutex_);
    end_.result = data.dump();
  } else if (type == "error") {
    const base::Error error = worker_error(event);
    log("error", error.what());
    const std::lock_guard lock(mutex_);
    end_.error = error;
  } else if (type == "log") {
    log(reader.optional_string("level").value_or("info"),
        reader.optional_string("message").value_or(""));
  } else {
    log("info", type + " " + data.dump());
  }
}

void JobRun::on_exit(const ExitStatus& status) {
  log("info", "worker ended: " + status.text());
  const std::lock_guard lock(mutex_);
  end_.status = status;
  has_ended_ = true;
  ended_.notify_all();
}

}  // namespace hub::hub

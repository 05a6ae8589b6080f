#include "api/worker/job_control.h"

#include "core/base/error.h"
#include "core/base/json_reader.h"
#include "core/obs/log.h"

namespace hub::api {

bool JobControl::handle(const base::Json& command) {
  const base::JsonReader reader(command);
  const std::string type = reader.string("type");
  if (type == "log_level") {
    obs::log::set_level(obs::log::level_from(reader.string("level")));
    return true;
  }
  {
    const std::lock_guard lock(mutex_);
    if (type == "stop" || type == "drain") {
      stopped_ = true;
    } else if (type == "pause") {
      paused_ = true;
    } else if (type == "resume") {
      paused_ = false;
    } else if (type == "checkpoint") {
      checkpoint_ = true;
    } else {
      return false;
    }
  }
  changed_.notify_all();
  return true;
}

void JobControl::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  changed_.notify_all();
}

std::optional<train::Command> JobControl::look_locked() {
  if (checkpoint_) {  // before a stop: what is done is kept
    checkpoint_ = false;
    return train::Command::kCheckpoint;
  }
  if (stopped_) {
    return train::Command::kStop;
  }
  return paused_ ? std::nullopt : std::optional(train::Command::kContinue);
}

std::optional<train::Command> JobControl::look() {
  const std::lock_guard lock(mutex_);
  return look_locked();
}

train::Command JobControl::next() {
  std::unique_lock lock(mutex_);
  std::optional<train::Command> command;
  changed_.wait(lock, [&] { return (command = look_locked()).has_value(); });
  return *command;
}

void JobControl::check() const {
  const std::lock_guard lock(mutex_);
  if (stopped_) {
    throw base::Error(base::ErrorCode::kCancelled, "the job was stopped before its first step");
  }
}

}  // namespace hub::api

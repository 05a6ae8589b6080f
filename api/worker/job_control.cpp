#include "api/worker/job_control.h"

#include "core/base/error.h"
#include "core/base/json_reader.h"

namespace hub::api {

bool JobControl::handle(const base::Json& command) {
  const std::string type = base::JsonReader(command).string("type");
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

train::Command JobControl::next() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return stopped_ || checkpoint_ || !paused_; });
  if (checkpoint_) {  // before a stop: what is done is kept
    checkpoint_ = false;
    return train::Command::kCheckpoint;
  }
  if (stopped_) {
    return train::Command::kStop;
  }
  return train::Command::kContinue;
}

void JobControl::check() const {
  const std::lock_guard lock(mutex_);
  if (stopped_) {
    throw base::Error(base::ErrorCode::kCancelled, "the job was stopped before its first step");
  }
}

}  // namespace hub::api

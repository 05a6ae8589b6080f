#pragma once

#include <condition_variable>
#include <mutex>
#include <optional>

#include "core/base/json.h"
#include "core/train/trainer.h"

namespace hub::api {

// What the server has asked of a running job: commands come in on one thread, the job's thread
// looks between steps. Thread-safe.
class JobControl {
 public:
  // One command of core/base/worker_protocol.h: stop, pause, resume, checkpoint, log_level. False
  // for any other. `stop` (and `drain`, which for a job is the same) is final.
  bool handle(const base::Json& command);
  void stop();

  // As next(), but does not wait: nullopt while paused.
  std::optional<train::Command> look();
  // Waits while paused. A checkpoint that was asked for is answered once.
  train::Command next();
  // Throws kCancelled once a stop was asked for; does not wait. For work without steps.
  void check() const;

 private:
  std::optional<train::Command> look_locked();

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool stopped_ = false;     // guarded by mutex_
  bool paused_ = false;      // guarded by mutex_
  bool checkpoint_ = false;  // guarded by mutex_
};

}  // namespace hub::api

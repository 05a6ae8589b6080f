#pragma once

#include <condition_variable>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "core/base/json.h"
#include "core/hub/child_process.h"
#include "core/model_config/memory_estimate.h"

namespace hub::hub {

// What the workers of this installation compute on, which only a program with MLX knows: asked once
// of the worker itself, in the background. Public functions are thread-safe.
class WorkerDevice {
 public:
  WorkerDevice() = default;
  ~WorkerDevice();  // ends a worker that has not answered
  WorkerDevice(const WorkerDevice&) = delete;
  WorkerDevice& operator=(const WorkerDevice&) = delete;

  // Starts the worker as `mlx-hub-worker device`, with as many threads as jobs get (0: one a core).
  // Call at most once. One that cannot be started counts as a worker on a CPU.
  void ask(const std::filesystem::path& worker_executable, int threads = 0);

  // What trainings compute in; waits for the answer, some seconds at most. On a CPU, when nobody
  // asked or no answer came: float32.
  [[nodiscard]] model_config::Activations activations() const;

  // What a job of one rank would run in now, as its worker would tell it
  // (api/worker/environment.h); waits as above. Null when nobody asked or no answer came.
  [[nodiscard]] base::Json environment() const;

 private:
  struct Answer {
    bool gpu = false;
    std::string environment_json{};  // "": it did not say
  };
  void answer(Answer given);
  [[nodiscard]] Answer wait() const;
  void handle(const base::Json& event);

  mutable std::mutex mutex_;
  mutable std::condition_variable answered_;
  bool asked_ = false;                   // guarded by mutex_
  std::optional<Answer> answer_;         // guarded by mutex_
  std::unique_ptr<ChildProcess> child_;  // last: its thread uses the others
};

}  // namespace hub::hub

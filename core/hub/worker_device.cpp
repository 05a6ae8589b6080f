#include "core/hub/worker_device.h"

#include <chrono>

#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/json_reader.h"
#include "core/obs/log.h"

namespace hub::hub {
namespace {

using model_config::Activations;

// A driver may take seconds to start; then it is broken.
constexpr std::chrono::seconds kPatience{20};

}  // namespace

WorkerDevice::~WorkerDevice() {
  child_.reset();
}

void WorkerDevice::ask(const std::filesystem::path& worker_executable) {
  {
    const std::lock_guard lock(mutex_);
    asked_ = true;
  }
  try {
    child_ = std::make_unique<ChildProcess>(ChildOptions{
        .command = {worker_executable.string(), "device"},
        .log_file = {},
        .on_event = [this](const base::Json& event) { handle(event); },
        .on_exit = [this](const ExitStatus& /*status*/) { answer(false); }});
  } catch (const base::Error& error) {
    obs::log::warning("worker_device_unknown", {{"error", error.what()}});
    answer(false);
  }
}

void WorkerDevice::handle(const base::Json& event) {
  const base::JsonReader reader(event);
  if (reader.string("type") == "device") {
    answer(reader.optional_bool("gpu").value_or(false));
  }
}

// The first answer holds; the child's end is one of no GPU.
void WorkerDevice::answer(bool gpu) {
  {
    const std::lock_guard lock(mutex_);
    if (!gpu_) {
      gpu_ = gpu;
    }
  }
  answered_.notify_all();
}

Activations WorkerDevice::activations() const {
  std::unique_lock lock(mutex_);
  if (asked_) {
    answered_.wait_for(lock, kPatience, [this] { return gpu_.has_value(); });
  }
  return gpu_.value_or(false) ? Activations::kHalf : Activations::kFloat32;
}

}  // namespace hub::hub

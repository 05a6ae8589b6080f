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

void WorkerDevice::ask(const std::filesystem::path& worker_executable, int threads) {
  {
    const std::lock_guard lock(mutex_);
    asked_ = true;
  }
  std::vector<std::string> command = {worker_executable.string(), "device"};
  if (threads > 0) {
    command.insert(command.end(), {"--threads", std::to_string(threads)});
  }
  try {
    child_ = std::make_unique<ChildProcess>(ChildOptions{
        .command = std::move(command),
        .log_file = {},
        .on_event = [this](const base::Json& event) { handle(event); },
        .on_exit = [this](const ExitStatus& /*status*/) { answer({}); }});
  } catch (const base::Error& error) {
    obs::log::warning("worker_device_unknown", {{"error", error.what()}});
    answer({});
  }
}

void WorkerDevice::handle(const base::Json& event) {
  const base::JsonReader reader(event);
  if (reader.string("type") == "device") {
    const base::Json* environment = reader.optional_object("environment");
    answer(
        {.gpu = reader.optional_bool("gpu").value_or(false),
         .environment_json = environment == nullptr ? "" : environment->dump()});
  }
}

// The first answer holds; the child's end is one of no GPU.
void WorkerDevice::answer(Answer given) {
  {
    const std::lock_guard lock(mutex_);
    if (!answer_) {
      answer_ = std::move(given);
    }
  }
  answered_.notify_all();
}

WorkerDevice::Answer WorkerDevice::wait() const {
  std::unique_lock lock(mutex_);
  if (asked_) {
    answered_.wait_for(lock, kPatience, [this] { return answer_.has_value(); });
  }
  return answer_.value_or(Answer());
}

Activations WorkerDevice::activations() const {
  return wait().gpu ? Activations::kHalf : Activations::kFloat32;
}

base::Json WorkerDevice::environment() const {
  const std::string json = wait().environment_json;
  return json.empty() ? base::Json() : base::Json::parse(json);
}

}  // namespace hub::hub

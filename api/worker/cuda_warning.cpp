#include "api/worker/cuda_warning.h"

#include <string>

#include <nlohmann/json.hpp>

#include "core/base/worker_protocol.h"
#include "core/kernels/cuda_plugin.h"
#include "core/obs/log.h"

namespace hub::api {

void warn_about_cuda_plugin() {
  kernels::tell_cuda_plugin_problem([](const std::string& problem) {
    base::emit_event("log", {{"level", "warning"}, {"message", problem}});
    obs::log::warning("cuda_plugin", {{"problem", problem}});
  });
}

}  // namespace hub::api

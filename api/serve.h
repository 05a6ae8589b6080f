#pragma once

#include "core/hub/config.h"

namespace hub::api {

// Runs the server until SIGINT or SIGTERM; a second signal ends it at once. Returns the process's
// exit code. Throws Error when it cannot start.
int serve(hub::Config config);

// The environment as load_config() wants it.
std::optional<std::string> environment_variable(const std::string& name);

// mlx-hub-worker beside this program.
std::filesystem::path default_worker_executable();

}  // namespace hub::api

#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "api/cli/console.h"

namespace CLI {
class App;
}

namespace hub::api {

// What the client commands take from the process.
struct ClientSetup {
  std::filesystem::path program;  // mlx-hub itself: `run` starts it as a server where none runs
  std::function<std::optional<std::string>(const std::string&)> environment;
  Console console;
};

// This process's own: its executable, environment, std::cout and std::cerr.
ClientSetup process_setup();

// Mounts `run`, `models`, `pull`, `push`, `import`, `train`, `merge`, `quantize`, `export-adapter`,
// `evaluate`, `evaluations`, `jobs`, `export`, `import-archive`, `keys`, `bench`, `launch`,
// `mlflow` and `version` on `app`: clients of the HTTP API. A command that ran sets `exit_code`: 0,
// 1 (the job failed), 130 (interrupted). What fails throws base::Error out of app.parse(). The
// server is
// --server, else MLX_HUB_SERVER, else what a server of the data folder (--data-dir,
// MLX_HUB_DATA_DIR, the default) published, else http://127.0.0.1:8000. `exit_code` must outlive
// `app`.
void add_client_commands(CLI::App& app, const ClientSetup& setup, int& exit_code);

}  // namespace hub::api

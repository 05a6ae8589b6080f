#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include <CLI/CLI.hpp>

#include "api/cli/client_commands.h"
#include "api/cli/commands.h"
#include "api/cli/hub_client.h"

namespace hub::api {

// What every client command takes; lives as long as the App, by the callbacks.
struct CommandContext {
  ClientSetup setup;
  int& exit_code;
  std::optional<std::string> server = std::nullopt;
  std::optional<std::filesystem::path> data_folder = std::nullopt;
  bool json = false;

  void add_to(CLI::App& command) {
    command.add_option("--server", server, "URL of the hub (MLX_HUB_SERVER)");
    command.add_option(
        "--data-dir", data_folder, "data folder whose server is meant (MLX_HUB_DATA_DIR)");
    command.add_flag("--json", json, "print JSON");
  }
  [[nodiscard]] ServerAddress address() const { return find_server(setup, server, data_folder); }
  [[nodiscard]] HubClient client() const {
    const ServerAddress found = address();
    return HubClient(found.url, found.api_key);
  }
};

// `merge` and `quantize`.
void add_conversions(CLI::App& app, const std::shared_ptr<CommandContext>& common);
// `evaluate` and `evaluations`.
void add_evaluations(CLI::App& app, const std::shared_ptr<CommandContext>& common);
// `bench`.
void add_bench(CLI::App& app, const std::shared_ptr<CommandContext>& common);
// `launch`.
void add_launch(CLI::App& app, const std::shared_ptr<CommandContext>& common);
// `logs`.
void add_logs(CLI::App& app, const std::shared_ptr<CommandContext>& common);
// `export-adapter`.
void add_export_adapter(CLI::App& app, const std::shared_ptr<CommandContext>& common);
// `jobs environment`, `jobs reproduce` and `jobs compare`.
void add_reproductions(CLI::App& jobs, const std::shared_ptr<CommandContext>& common);

}  // namespace hub::api

#pragma once

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <gtest/gtest.h>

#include "api/cli/commands.h"
#include "core/base/error.h"
#include "tests/unit/api/server/test_server.h"

namespace hub::test {

// A hub that plays its part by a script, and a command line on it.
class Commands : public ::testing::Test {
 protected:
  int run(std::vector<std::string> arguments) {
    int exit_code = -1;
    CLI::App app("test", "mlx-hub");
    api::add_client_commands(
        app,
        {.program = program_,
         .environment = [this](const std::string& name) -> std::optional<std::string> {
           const auto found = environment_.find(name);
           return found == environment_.end() ? std::nullopt : std::optional(found->second);
         },
         .console = {.out = out_, .err = err_, .terminal = terminal_}},
        exit_code);
    std::reverse(arguments.begin(), arguments.end());
    app.parse(arguments);
    return exit_code;
  }

  void serve(std::vector<api::Route> routes) {
    api::Server::Options options = loopback_options();
    options.upload_folder = folder_.path();
    server_ = std::make_unique<TestServer>(std::move(routes), std::move(options));
    environment_["MLX_HUB_SERVER"] = (*server_)->endpoints().front();
  }

  std::string error_of(const std::vector<std::string>& arguments) {
    try {
      run(arguments);
    } catch (const base::Error& error) {
      return error.what();
    }
    return "no error";
  }

  TempFolder folder_;
  std::filesystem::path program_ = "/nowhere/mlx-hub";
  std::map<std::string, std::string> environment_{{"MLX_HUB_DATA_DIR", folder_.path().string()}};
  std::ostringstream out_;
  std::ostringstream err_;
  bool terminal_ = false;
  std::unique_ptr<TestServer> server_;
};

}  // namespace hub::test

#include <filesystem>
#include <memory>
#include <optional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "api/cli/command_context.h"
#include "api/cli/launch_settings.h"
#include "core/base/error.h"
#include "core/base/file.h"

namespace hub::api {
namespace {

namespace fs = std::filesystem;
using base::Error;
using base::ErrorCode;
using base::Json;

// Agents' own instructions and tools take about as many tokens.
constexpr std::int64_t kAgentsNeed = 16'000;
constexpr int kMostLinks = 40;  // as the system follows

struct LaunchOptions {
  std::string agent;
  std::string model;  // "": the only one that there is
  bool write = false;
};

// Throws kNotFound for a model that the hub has not, and kInvalidArgument where there are several
// and none was named.
std::string chosen_model(HubClient& client, const std::string& named) {
  if (!named.empty()) {
    client.get("/v1/models/" + named);
    return named;
  }
  const Json models = client.get("/v1/models").at("data");
  if (models.size() != 1) {
    std::string names;
    for (const Json& model : models) {
      names += (names.empty() ? "" : ", ") + model.at("id").get<std::string>();
    }
    throw Error(
        ErrorCode::kInvalidArgument,
        models.empty() ? "the hub has no model that could answer: `mlx-hub pull` gets one"
                       : fmt::format("--model says which: {}", names));
  }
  return models.front().at("id").get<std::string>();
}

// 0 where the hub does not say, or its key may not ask.
std::int64_t context_of(HubClient& client, const std::string& model) {
  try {
    const Json found = client.get("/models/" + model.substr(0, model.find_first_of(":@+")));
    const auto length = found.find("context_length");
    return length != found.end() && length->is_number_integer() ? length->get<std::int64_t>() : 0;
  } catch (const Error&) {
    return 0;
  }
}

// Where a link leads: what people keep elsewhere stays there. Of a link to nothing, too.
fs::path resolved(fs::path file) {
  std::error_code error;
  for (int i = 0; i < kMostLinks && fs::is_symlink(file, error); ++i) {
    file = file.parent_path() / fs::read_symlink(file);
  }
  return file;
}

void write(const LaunchSettings& settings, Console& console) {
  const fs::path file = resolved(settings.file);
  const bool exists = fs::exists(file);
  const std::string present = exists ? base::read_file(file) : "";
  const std::string wanted = settings.written(present);
  if (wanted == present) {
    console.err << settings.file.string() << " says so already" << std::endl;
    return;
  }
  std::error_code error;
  fs::create_directories(file.parent_path(), error);
  // Agents keep keys in these files: none becomes readable for others.
  const fs::perms mode =
      exists ? fs::status(file).permissions() : fs::perms::owner_read | fs::perms::owner_write;
  if (exists) {
    const fs::path kept = settings.file.string() + ".bak";
    if (fs::exists(fs::symlink_status(kept))) {
      console.err << kept.string() << " is there already and stays as it is" << std::endl;
    } else {
      base::write_file_atomically(kept, present, mode);
      console.err << "What was there is kept as " << kept.string() << std::endl;
    }
  }
  base::write_file_atomically(file, wanted, mode);
  console.err << "Wrote " << settings.file.string() << std::endl;
}

int launch_command(CommandContext& common, const LaunchOptions& options) {
  const ServerAddress address = common.address();
  HubClient client(address.url, address.api_key);
  Console& console = common.setup.console;
  const std::string model = chosen_model(client, options.model);
  const LaunchTarget target{
      .url = address.url,
      .model = model,
      .context_length = context_of(client, model),
      .needs_key = !address.api_key.empty()};
  const LaunchSettings settings = launch_settings(options.agent, target, common.setup.environment);
  if (target.context_length > 0 && target.context_length < kAgentsNeed) {
    console.err << fmt::format(
                       "\"{}\" has a context of {} tokens; {}'s own instructions may need more",
                       model,
                       target.context_length,
                       options.agent)
                << std::endl;
  }
  if (options.write) {
    write(settings, console);
    if (options.agent == "codex") {
      console.err << "Start it with: codex --profile mlx-hub" << std::endl;
    }
  } else if (common.json) {
    console.out << Json{{"shell", settings.shell}, {"file", settings.file.string()}}.dump(2)
                << std::endl;
  } else {
    console.out << settings.shell << std::flush;
  }
  return 0;
}

}  // namespace

void add_launch(CLI::App& app, const std::shared_ptr<CommandContext>& common) {
  CLI::App* command = app.add_subcommand(
      "launch", "settings that point a coding agent (claude, codex, opencode) at the hub");
  common->add_to(*command);
  const auto options = std::make_shared<LaunchOptions>();
  command->add_option("agent", options->agent, "claude, codex or opencode")->required();
  command->add_option("--model", options->model, "a model's name, as in requests");
  command->add_flag(
      "--write",
      options->write,
      "write them into the agent's own file; what was there is kept as FILE.bak");
  command->callback([common, options] { common->exit_code = launch_command(*common, *options); });
}

}  // namespace hub::api

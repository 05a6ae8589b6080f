#include <cerrno>
#include <cstring>
#include <fstream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "api/cli/command_context.h"
#include "api/cli/model_version.h"
#include "core/base/error.h"
#include "core/base/ids.h"

namespace hub::api {
namespace {

using base::Error;
using base::ErrorCode;
using base::Json;

struct ExportAdapterOptions {
  std::string model;
  std::string format = "peft";
  std::filesystem::path folder;
};

void download(HubClient& client, const std::string& path, const std::filesystem::path& file) {
  errno = 0;
  std::ofstream out(file, std::ios::binary | std::ios::trunc);
  const auto require = [&] {
    if (!out) {
      throw Error(
          ErrorCode::kUnavailable,
          fmt::format("cannot write {}: {}", file.string(), std::strerror(errno)));
    }
  };
  require();
  client.download(path, [&](std::string_view piece) {
    out.write(piece.data(), static_cast<std::streamsize>(piece.size()));
    require();
  });
  out.close();
  require();
}

// A folder that appears whole or not at all.
void export_adapter(
    HubClient& client, Console& console, const ExportAdapterOptions& options, bool json) {
  if (std::filesystem::exists(options.folder)) {
    throw Error(
        ErrorCode::kConflict,
        fmt::format("{} exists already: choose another with --output", options.folder.string()));
  }
  const std::string version = "/versions/" + version_id(client, options.model);
  const bool peft = options.format == "peft";
  const std::string from = version + (peft ? "/peft/" : "/files/");
  const std::filesystem::path part = options.folder.string() + ".part-" + base::new_id();
  try {
    std::filesystem::create_directories(part);
    for (const char* name :
         {"adapter_config.json", peft ? "adapter_model.safetensors" : "adapters.safetensors"}) {
      download(client, from + name, part / name);
    }
    std::filesystem::rename(part, options.folder);
  } catch (...) {
    std::error_code ignored;
    std::filesystem::remove_all(part, ignored);
    throw;
  }
  if (json) {
    console.out
        << Json{{"model", options.model}, {"format", options.format}, {"folder", options.folder.string()}}
               .dump(2)
        << std::endl;
  } else {
    console.out << options.folder.string() << std::endl;
  }
}

}  // namespace

void add_export_adapter(CLI::App& app, const std::shared_ptr<CommandContext>& common) {
  CLI::App* command =
      app.add_subcommand("export-adapter", "write an adapter as PEFT or mlx-lm reads it");
  const auto options = std::make_shared<ExportAdapterOptions>();
  common->add_to(*command);
  command->add_option("model", options->model, "name, name:version or name@alias")->required();
  command->add_option("--format", options->format, "peft (default) or mlx")
      ->check(CLI::IsMember({"peft", "mlx"}));
  command->add_option("-o,--output", options->folder, "the folder, MODEL-FORMAT by default");
  command->callback([common, options] {
    if (options->folder.empty()) {
      options->folder = options->model + "-" + options->format;
    }
    HubClient client = common->client();
    export_adapter(client, common->setup.console, *options, common->json);
    common->exit_code = 0;
  });
}

}  // namespace hub::api

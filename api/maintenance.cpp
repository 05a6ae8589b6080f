#include "api/maintenance.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "api/cli/commands.h"
#include "api/cli/hub_client.h"
#include "api/handlers/maintenance.h"
#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/hub/backup.h"
#include "core/hub/hub.h"
#include "core/obs/log.h"

namespace hub::api {
namespace {

namespace fs = std::filesystem;
using base::Json;

// What all of them take; lives as long as the App, by the callbacks.
struct DataFolder {
  ClientSetup setup;
  int& exit_code;
  std::optional<std::string> server = std::nullopt;
  std::optional<fs::path> folder = std::nullopt;
  bool json = false;

  void add_to(CLI::App& command, bool with_server = true) {
    if (with_server) {
      command.add_option("--server", server, "URL of the hub (MLX_HUB_SERVER)");
    }
    command.add_option("--data-dir", folder, "the data folder (MLX_HUB_DATA_DIR)");
    command.add_flag("--json", json, "print JSON");
  }

  [[nodiscard]] ServerAddress address() const { return find_server(setup, server, folder); }

  // The server to ask; nullptr: none runs on the folder.
  [[nodiscard]] std::unique_ptr<HubClient> client() const {
    const ServerAddress at = address();
    return at.named || at.found ? std::make_unique<HubClient>(at.url, at.api_key) : nullptr;
  }

  // The folder itself, locked, nothing started.
  [[nodiscard]] std::unique_ptr<hub::Hub> open() const {
    hub::Config config;
    config.data_dir = address().data_folder;
    if (!fs::exists(config.data_dir / "hub.db")) {
      throw base::Error(
          base::ErrorCode::kNotFound,
          fmt::format(
              "there is no hub in the data folder {}: choose another with --data-dir",
              config.data_dir.string()));
    }
    // The command's answer is what a person reads.
    obs::log::configure({.level = obs::log::Level::kWarning});
    return std::make_unique<hub::Hub>(std::move(config));
  }

  void print(const Json& json_answer) const {
    setup.console.out << json_answer.dump(2, ' ', false, Json::error_handler_t::replace)
                      << std::endl;
  }
};

std::string text_of(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

// Bytes read of all bytes, in megabytes.
void show(ProgressLine& line, std::int64_t bytes, std::int64_t total) {
  constexpr std::int64_t mega = 1'000'000;
  line.progress(bytes / mega, (total + mega - 1) / mega, -1);
}

// One answer of POST /versions/{id}/verify for each version of `model` ("": of all).
Json verify_over_http(HubClient& client, const std::string& model, Console& console) {
  const Json list = client.list(model.empty() ? "/versions" : "/models/" + model + "/versions");
  std::int64_t total = 0;
  for (const Json& version : list["data"]) {
    total += version["size_bytes"].get<std::int64_t>();
  }
  ProgressLine line(console);
  std::int64_t done = 0;
  Json reports = Json::array();
  for (const Json& version : list["data"]) {
    line.report(
        fmt::format("{} v{}", text_of(version, "model"), version["version"].get<std::int64_t>()));
    reports.push_back(
        client.post("/versions/" + text_of(version, "id") + "/verify", Json::object()));
    done += version["size_bytes"].get<std::int64_t>();
    show(line, done, total);
  }
  return reports;
}

Json verify_in_place(hub::Hub& hub, const std::string& model, Console& console) {
  std::vector<registry::Version> versions;
  std::int64_t total = 0;
  registry::VersionQuery query;
  query.limit = 200;
  if (!model.empty()) {
    query.model_id = hub.models.get_model(model).id;
  }
  while (true) {
    auto page = hub.catalog.versions(query);
    for (registry::VersionEntry& entry : page.entries) {
      total += hub::Integrity::bytes_to_read(entry.version);
      versions.push_back(std::move(entry.version));
    }
    if (!page.next) {
      break;
    }
    query.after = *page.next;
  }
  ProgressLine line(console);
  std::int64_t done = 0;
  Json reports = Json::array();
  for (const registry::Version& version : versions) {
    line.report(fmt::format("{} v{}", version.model_name, version.number));
    const auto report = hub.integrity.verify(version.id, [&](std::int64_t bytes) {
      show(line, done + bytes, total);
      return true;
    });
    done += hub::Integrity::bytes_to_read(version);
    reports.push_back(verification_json(report));
  }
  return reports;
}

int verify_command(const DataFolder& data, const std::string& model) {
  Console console = data.setup.console;
  const auto client = data.client();
  const Json reports = client ? verify_over_http(*client, model, console)
                              : verify_in_place(*data.open(), model, console);
  std::size_t bad = 0;
  std::vector<std::vector<std::string>> rows{{"MODEL", "VERSION", "STATE", "PROBLEMS"}};
  for (const Json& report : reports) {
    std::string problems;
    for (const Json& problem : report["problems"]) {
      problems += (problems.empty() ? "" : "; ") + problem.get<std::string>();
    }
    bad += problems.empty() ? 0 : 1;
    rows.push_back(
        {text_of(report, "model"),
         fmt::format("v{}", report["version"].get<std::int64_t>()),
         text_of(report, "state"),
         problems.empty() ? "none" : problems});
  }
  if (data.json) {
    data.print({{"data", reports}, {"damaged", bad}});
  } else {
    console.out << table(rows);
    console.err << fmt::format("{} versions, {} with problems", reports.size(), bad) << std::endl;
  }
  return bad == 0 ? 0 : 1;
}

int gc_command(const DataFolder& data, bool apply) {
  Console console = data.setup.console;
  Json report;
  if (const auto client = data.client()) {
    report = client->post("/gc", {{"dry_run", !apply}});
  } else {
    report = garbage_json(data.open()->garbage.collect({.remove = apply, .min_age_seconds = 0}));
  }
  if (data.json) {
    data.print(report);
    return 0;
  }
  std::vector<std::vector<std::string>> rows{{"KIND", "SIZE", "PATH", "WHY"}};
  for (const Json& item : report["data"]) {
    rows.push_back(
        {text_of(item, "kind"),
         size_text(item["size_bytes"].get<std::uint64_t>()),
         text_of(item, "path"),
         text_of(item, "reason")});
  }
  if (rows.size() > 1) {
    console.out << table(rows);
  }
  console.err << fmt::format(
                     "{} things, {}{}",
                     rows.size() - 1,
                     size_text(report["size_bytes"].get<std::uint64_t>()),
                     apply             ? " removed"
                     : rows.size() > 1 ? "; nothing was removed, --apply does it"
                                       : "")
              << std::endl;
  return 0;
}

int backup_command(const DataFolder& data, const fs::path& folder, bool copy) {
  Console console = data.setup.console;
  const fs::path target = fs::absolute(folder).lexically_normal();
  Json report;
  if (const auto client = data.client()) {
    report = client->post(
        "/backup", {{"path", target.string()}, {"artifacts", copy ? "copy" : "reference"}});
  } else {
    const auto hub = data.open();
    ProgressLine line(console);
    report = hub::to_json(
        hub::make_backup(
            hub->config.data_dir,
            target,
            copy ? hub::BackupArtifacts::kCopy : hub::BackupArtifacts::kReference,
            hub->clock,
            [&line](std::int64_t bytes, std::int64_t total) {
              show(line, bytes, total);
              return true;
            }));
  }
  if (data.json) {
    data.print(report);
  } else {
    console.out << fmt::format(
        "{}: the database, {} versions, {} files of {} ({} copied, {} linked, {} only named)\n",
        text_of(report, "path"),
        report["versions"].get<std::int64_t>(),
        report["files"].get<std::int64_t>(),
        size_text(report["size_bytes"].get<std::uint64_t>()),
        report["copied"].get<std::int64_t>(),
        report["linked"].get<std::int64_t>(),
        report["referenced"].get<std::int64_t>());
    for (const Json& missing : report["missing"]) {
      console.err << "not in the backup: " << missing.get<std::string>() << std::endl;
    }
  }
  return report["missing"].empty() ? 0 : 1;
}

int restore_command(const DataFolder& data, const fs::path& folder, bool force) {
  Console console = data.setup.console;
  const fs::path target = data.address().data_folder;
  const hub::DataFolderLock lock(target);
  ProgressLine line(console);
  const Json report = hub::to_json(
      hub::restore_backup(
          fs::absolute(folder),
          target,
          force,
          base::SystemClock(),
          [&line](std::int64_t bytes, std::int64_t total) {
            show(line, bytes, total);
            return true;
          }));
  if (data.json) {
    data.print(report);
  } else {
    console.out << fmt::format(
        "{}: restored as of {}, {} files of {}\n",
        target.string(),
        text_of(report, "made_at"),
        report["files"].get<std::int64_t>(),
        size_text(report["size_bytes"].get<std::uint64_t>()));
    if (report["replaced"].is_string()) {
      console.err << "what was there lies in " << text_of(report, "replaced") << std::endl;
    }
    for (const Json& missing : report["missing"]) {
      console.err << "missing: " << missing.get<std::string>() << std::endl;
    }
  }
  return report["missing"].empty() ? 0 : 1;
}

}  // namespace

void add_maintenance_commands(CLI::App& app, const ClientSetup& setup, int& exit_code) {
  const auto data = std::make_shared<DataFolder>(DataFolder{setup, exit_code});
  const auto model = std::make_shared<std::string>();
  const auto folder = std::make_shared<fs::path>();
  const auto flag = std::make_shared<bool>(false);
  const auto by_reference = std::make_shared<bool>(false);

  CLI::App* verify = app.add_subcommand("verify", "read every byte of the models and compare");
  data->add_to(*verify);
  verify->add_option("model", *model, "name or id; default: all");
  verify->callback([=] { data->exit_code = verify_command(*data, *model); });

  CLI::App* gc =
      app.add_subcommand("gc", "list what nothing in the data folder needs, and remove it");
  data->add_to(*gc);
  const auto dry_run = std::make_shared<bool>(false);
  CLI::Option* apply = gc->add_flag("--apply", *flag, "remove it");
  gc->add_flag("--dry-run", *dry_run, "only list it (the default)")->excludes(apply);
  gc->callback([=] { data->exit_code = gc_command(*data, *flag); });

  CLI::App* backup = app.add_subcommand("backup", "back up the database and the files of models");
  data->add_to(*backup);
  backup->add_option("folder", *folder, "a new or empty folder")->required();
  CLI::Option* copy = backup->add_flag("--copy-artifacts", *flag, "copy the files");
  backup->add_flag("--reference", *by_reference, "hard links, or names, of the files (the default)")
      ->excludes(copy);
  backup->callback([=] { data->exit_code = backup_command(*data, *folder, *flag); });

  CLI::App* restore = app.add_subcommand("restore", "make a data folder what a backup holds");
  data->add_to(*restore, false);
  restore->add_option("folder", *folder, "the backup")->required();
  restore->add_flag("--force", *flag, "move what the data folder holds out of the way");
  restore->callback([=] { data->exit_code = restore_command(*data, *folder, *flag); });
}

}  // namespace hub::api

#include <filesystem>
#include <string>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "api/cli/commands.h"
#include "api/cli/import_watch.h"
#include "api/server/uri.h"
#include "core/base/error.h"
#include "core/base/json_reader.h"
#include "core/hf/settings.h"

namespace hub::api {
namespace {

using base::Json;

std::uint64_t bytes(const Json& object, const char* key) {
  return static_cast<std::uint64_t>(
      base::JsonReader(object).optional_int(key, 0, INT64_MAX).value_or(0));
}

bool flag(const Json& object, const char* key) {
  return base::JsonReader(object).optional_bool(key).value_or(false);
}

std::string path_of(const Json& model) {
  return "/models/" + percent_encode(base::JsonReader(model).string("id"));
}

// The model `name`, registered now where it is missing (`made` says so).
Json registered(
    HubClient& client, const std::string& name, const std::string& repository, bool& made) {
  made = false;
  try {
    Json model = client.get("/models/" + percent_encode(name));
    const std::string source = base::JsonReader(model).string("base_model");
    if (source != repository) {
      throw base::Error(
          base::ErrorCode::kConflict,
          fmt::format(
              "a model named {} is registered already, from {}: choose another with --name",
              name,
              source));
    }
    return model;
  } catch (const base::Error& error) {
    if (error.code() != base::ErrorCode::kNotFound) {
      throw;
    }
  }
  made = true;
  return client.post("/models", {{"name", name}, {"base_model", repository}});
}

void show_plan(Console& console, const Json& plan) {
  const Json& files = plan.at("files");
  const std::uint64_t total = bytes(plan, "total_bytes");
  const std::uint64_t missing = bytes(plan, "download_bytes");
  console.err << fmt::format(
                     "{} at {}{}: {} files, {}; to download: {}",
                     base::JsonReader(plan).string("repository"),
                     base::JsonReader(plan).string("commit").substr(0, 12),
                     flag(plan, "from_cache") ? " (Hub not reached; from the local cache)" : "",
                     files.size(),
                     size_text(total),
                     missing == 0 ? "nothing" : size_text(missing))
              << std::endl;
  console.err << fmt::format(
                     "disk: {} needed, {} free{}; memory: {} needed, budget {}{}",
                     size_text(bytes(plan, "disk_required_bytes")),
                     size_text(bytes(plan, "disk_free_bytes")),
                     flag(plan, "fits_disk") ? "" : " (does not fit)",
                     size_text(bytes(plan, "memory_required_bytes")),
                     size_text(bytes(plan, "memory_budget_bytes")),
                     flag(plan, "fits_memory") ? "" : " (does not fit)")
              << std::endl;
}

Json pull_body(const PullOptions& options) {
  Json body = {{"force", options.force}};
  if (options.revision) {
    body["revision"] = *options.revision;
  }
  if (options.base) {
    body["base"] = *options.base;
  }
  return body;
}

}  // namespace

int pull_command(HubClient& client, Console& console, const PullOptions& options) {
  hf::check_repository(options.repository, "repository");
  const std::string name =
      options.name.value_or(options.repository.substr(options.repository.find('/') + 1));
  bool made = false;
  const Json model = registered(client, name, options.repository, made);
  std::string job_id;
  try {
    Json body = pull_body(options);
    body["dry_run"] = true;
    const Json plan = client.post(path_of(model) + "/pull", body);
    if (options.dry_run) {
      if (options.json) {
        console.out << plan.dump(2) << std::endl;
      } else {
        show_plan(console, plan);
      }
    } else {
      if (!options.json) {
        show_plan(console, plan);
      }
      const Json job = client.post(path_of(model) + "/pull", pull_body(options));
      job_id = base::JsonReader(job).string("id");
    }
  } catch (const base::Error&) {
    if (made) {  // nothing was pulled: leave no empty model behind
      client.remove(path_of(model));
    }
    throw;
  }
  if (options.dry_run) {
    if (made) {
      client.remove(path_of(model));
    }
    return 0;
  }
  return watch_job_command(client, console, job_id, options.json);
}

int push_command(HubClient& client, Console& console, const PushOptions& options) {
  hf::check_repository(options.repository, "repo");
  Json body = {
      {"repository", options.repository},
      {"model", options.model},
      {"private", options.is_private}};
  if (options.revision) {
    body["revision"] = *options.revision;
  }
  if (options.message) {
    body["message"] = *options.message;
  }
  const std::string name = options.model.substr(0, options.model.find_first_of(":@+"));
  const Json job = client.post("/models/" + percent_encode(name) + "/push", body);
  return watch_job_command(client, console, base::JsonReader(job).string("id"), options.json);
}

int import_command(HubClient& client, Console& console, const ImportOptions& options) {
  if (options.path.ends_with(".tar")) {
    return import_archive_command(client, console, options.path, options.name, options.json);
  }
  if (options.name.empty()) {
    throw base::Error(
        base::ErrorCode::kInvalidArgument,
        "import: --name is required, except for archives (.tar)");
  }
  Json body = {
      {"name", options.name},
      {"base_model", std::filesystem::absolute(options.path).lexically_normal().string()},
      {"storage", options.reference ? "reference" : "copy"}};
  if (options.base) {
    body["base"] = *options.base;
  }
  const Json model =
      watch_import(client, console, options.json, [&](const std::string& request_id) {
        return client.post_slowly("/models", body, request_id);
      });
  if (options.json) {
    console.out << model.dump(2) << std::endl;
    return 0;
  }
  console.out << base::JsonReader(model).string("name") << std::endl;
  console.err << fmt::format(
                     "registered, {}; try it with: mlx-hub run {} \"…\"",
                     size_text(bytes(model, "size_bytes")),
                     options.name)
              << std::endl;
  for (const Json& note : model.value("notes", Json::array())) {
    console.err << "note: " << note.get<std::string>() << std::endl;
  }
  return 0;
}

}  // namespace hub::api

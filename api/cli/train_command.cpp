#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "api/cli/commands.h"
#include "api/cli/mlx_lm_config.h"
#include "api/cli/yaml_file.h"
#include "api/server/uri.h"
#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/json_reader.h"

namespace hub::api {
namespace {

using base::Json;

// What a name may hold (base/ids.h) of a text.
std::string name_part(const std::string& text) {
  std::string part = text.substr(0, 80);
  std::replace_if(
      part.begin(),
      part.end(),
      [](char letter) {
        const bool fits = (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
                          (letter >= '0' && letter <= '9') || letter == '.' || letter == '_' ||
                          letter == '-';
        return !fits;
      },
      '-');
  const std::size_t first = part.find_first_not_of("._-");
  return first == std::string::npos ? "data" : part.substr(first);
}

// A name for a file's content: the same file gives the same name.
std::string content_name(const std::string& stem, const std::filesystem::path& file) {
  return fmt::format("{}-{}", name_part(stem), base::sha256_file(file).substr(0, 8));
}

// `work` registers what is named after its content: that it is there already is said, and no error.
void register_once(Console& console, const std::string& what, const std::function<void()>& work) {
  try {
    work();
  } catch (const base::Error& refused) {
    if (refused.code() != base::ErrorCode::kConflict) {
      throw;
    }
    console.err << fmt::format("{} is registered already", what) << std::endl;
  }
}

// A folder with train.jsonl and the like is taken by the server from where it lies.
std::string register_folder(
    HubClient& client, Console& console, const std::filesystem::path& folder) {
  const std::filesystem::path whole = std::filesystem::absolute(folder).lexically_normal();
  const std::filesystem::path train = whole / "train.jsonl";
  if (!std::filesystem::is_regular_file(train)) {
    throw base::Error(
        base::ErrorCode::kNotFound,
        fmt::format("--data {}: the folder has no train.jsonl", folder.string()));
  }
  const std::string name = content_name(train.stem().string(), train);
  register_once(console, "data set " + name, [&] {
    client.post("/datasets", {{"name", name}, {"path", whole.string()}});
  });
  return name;
}

// A number, true, false, null, list or object as JSON; anything else is text.
Json setting_value(const std::string& text) {
  Json value = Json::parse(text, nullptr, false);
  return value.is_discarded() ? Json(text) : value;
}

// What --config says, with the command line over it.
MlxLmConfig config_of(const TrainOptions& options) {
  MlxLmConfig config;
  if (options.config) {
    try {
      config = MlxLmConfig::from_json(read_yaml(*options.config));
    } catch (const base::Error& error) {
      throw base::Error(
          error.code(), fmt::format("--config {}: {}", options.config->string(), error.what()));
    }
  }
  config.model = options.model.empty() ? config.model : options.model;
  config.data = options.data.empty() ? config.data : options.data;
  config.name = options.name ? options.name : config.name;
  if (!config.model || !config.data) {
    throw base::Error(
        base::ErrorCode::kInvalidArgument,
        fmt::format(
            "train: --{} is needed, or a --config that says it", config.model ? "data" : "model"));
  }
  return config;
}

// The rows of a step of a --config are those of all ranks together (mlx_lm/tuner/trainer.py ›
// iterate_batches); ours are those of each.
void share_rows(Json& params, int ranks) {
  if (!params.contains("batch_size")) {
    return;
  }
  const int rows = params.at("batch_size").get<int>();
  if (rows % ranks != 0) {
    throw base::Error(
        base::ErrorCode::kInvalidArgument,
        fmt::format(
            "--data-parallel {}: the configuration's batch_size, {}, must be divisible by it",
            ranks,
            rows),
        "batch_size");
  }
  params["batch_size"] = rows / ranks;
}

Json job_body(const TrainOptions& options, const MlxLmConfig& config) {
  Json body = {{"type", "finetune"}, {"model", *config.model}, {"dataset", ""}};
  Json params = base::parse_json(config.params, "the configuration");
  if (options.data_parallel) {
    share_rows(params, *options.data_parallel);
    params["data_parallel"] = *options.data_parallel;
  }
  if (options.objective) {
    params["objective"] = *options.objective;
    if (*options.objective != "sft") {
      params.erase("train_on_prompt");  // mlx-lm's default is true, and here it means nothing
    }
  }
  for (const std::string& setting : options.settings) {
    auto [key, value] = setting_of(setting);
    const bool of_job = key == "priority" || key == "timeout_seconds";
    (of_job ? body : params)[key] = std::move(value);
  }
  if (!params.empty()) {
    body["params"] = std::move(params);
  }
  if (config.name) {
    body["output"] = {{"name", *config.name}};
  }
  return body;
}

// A repository of the Hub, as configurations name models, is the model registered from it.
std::string registered_model(HubClient& client, const std::string& model) {
  if (model.find('/') == std::string::npos || model.starts_with('/') || model.starts_with('.')) {
    return model;
  }
  const Json found = client.list("/models?kind=base&base=" + percent_encode(model), 1);
  if (found.at("data").empty()) {
    throw base::Error(
        base::ErrorCode::kNotFound,
        fmt::format("no model is registered from {}: mlx-hub pull {}", model, model),
        "model");
  }
  return base::JsonReader(found.at("data").front()).string("name");
}

// mlx-lm's resume_adapter_file as a registered adapter of `base`: the server takes its folder,
// which says rank and modules, from where it lies.
std::string register_adapter(
    HubClient& client, Console& console, const std::string& base, const std::string& file) {
  const auto whole = std::filesystem::absolute(file).lexically_normal();
  if (!std::filesystem::is_regular_file(whole)) {
    throw base::Error(
        base::ErrorCode::kNotFound,
        fmt::format("'resume_adapter_file': there is no file {}", file),
        "resume_adapter_file");
  }
  if (whole.filename() != "adapters.safetensors") {
    throw base::Error(
        base::ErrorCode::kInvalidArgument,
        fmt::format(
            "'resume_adapter_file' must be called adapters.safetensors and lie beside its "
            "adapter_config.json, got {}",
            file),
        "resume_adapter_file");
  }
  const std::string name = content_name(base + "-adapter", whole);
  register_once(console, "adapter " + name, [&] {
    client.post(
        "/models", {{"name", name}, {"base_model", whole.parent_path().string()}, {"base", base}});
    console.err << fmt::format("adapter {}: {}", name, file) << std::endl;
  });
  return name;
}

std::string shown_seconds(const Json& seconds) {
  return seconds.is_number() ? duration_text(seconds.get<double>())
                             : "unknown: no job of this model has run here";
}

// Each of which takes the batch's rows.
std::int64_t ranks_of(const Json& plan) {
  const Json* params = base::JsonReader(plan).optional_object("params");
  return params == nullptr
             ? 1
             : base::JsonReader(*params).optional_int("data_parallel", 1, INT64_MAX).value_or(1);
}

void show_plan(Console& console, const Json& plan) {
  const base::JsonReader reader(plan);
  const auto number = [&reader](const char* key) {
    return reader.optional_int(key, 0, INT64_MAX).value_or(0);
  };
  console.out << fmt::format(
                     "trainable parameters  {} of {} ({:.3f} %)\n"
                     "rows                  {} to train on{}, {} held out\n"
                     "tokens an epoch       {}, {} of them trained\n"
                     "steps                 {} of {} rows\n"
                     "memory                {} of {}\n"
                     "time                  {}\n",
                     number("trainable_parameters"),
                     number("parameters"),
                     100.0 * static_cast<double>(number("trainable_parameters")) /
                         static_cast<double>(std::max<std::int64_t>(number("parameters"), 1)),
                     number("rows"),
                     number("packed_rows") == number("rows")
                         ? std::string()
                         : fmt::format(" packed into {}", number("packed_rows")),
                     number("eval_rows"),
                     number("tokens"),
                     number("trained_tokens"),
                     number("steps"),
                     number("batch_size") * ranks_of(plan),
                     size_text(static_cast<std::uint64_t>(number("estimated_bytes"))),
                     size_text(static_cast<std::uint64_t>(number("budget_bytes"))),
                     shown_seconds(plan.at("estimated_seconds")))
              << std::flush;
}

void write_file(const std::filesystem::path& file, HubClient& client, const std::string& path) {
  std::ofstream out(file, std::ios::binary | std::ios::trunc);
  client.download(path, [&](std::string_view piece) {
    out.write(piece.data(), static_cast<std::streamsize>(piece.size()));
  });
  out.close();
  if (!out) {
    throw base::Error(base::ErrorCode::kUnavailable, fmt::format("cannot write {}", file.string()));
  }
}

// The files of `report_to` once the job has ended: metrics.csv, and an event file as TensorBoard
// looks for them.
void write_reports(
    HubClient& client, Console& console, const MlxLmConfig& config, const std::string& id) {
  const std::filesystem::path folder =
      std::filesystem::path("runs") / (config.project_name.empty() ? id : config.project_name);
  for (const std::string& kind : config.report_to) {
    std::filesystem::create_directories(folder);
    const std::filesystem::path file =
        folder /
        (kind == "csv" ? std::string("metrics.csv") : fmt::format("events.out.tfevents.0.{}", id));
    write_file(file, client, fmt::format("/jobs/{}/metrics?format={}", id, kind));
    console.err << fmt::format("{}: {}", kind, file.string()) << std::endl;
  }
}

}  // namespace

std::string register_data(HubClient& client, Console& console, const std::string& data) {
  const std::filesystem::path file(data);
  std::error_code error;
  if (std::filesystem::is_directory(file, error)) {
    return register_folder(client, console, file);
  }
  if (!std::filesystem::is_regular_file(file, error)) {
    try {
      return base::JsonReader(client.get("/datasets/" + percent_encode(data))).string("name");
    } catch (const base::Error& refused) {
      if (refused.code() != base::ErrorCode::kNotFound) {
        throw;
      }
    }
    throw base::Error(
        base::ErrorCode::kNotFound,
        fmt::format("--data {}: neither a file nor a registered data set", data));
  }
  const std::string name = content_name(file.stem().string(), file);
  register_once(console, "data set " + name, [&] {
    const Json dataset = client.upload("/datasets", name, file);
    const auto rows = base::JsonReader(dataset).optional_int("rows", 0, INT64_MAX);
    console.err << fmt::format("data set {}: {} rows", name, rows.value_or(0)) << std::endl;
  });
  return name;
}

std::pair<std::string, Json> setting_of(const std::string& setting) {
  const std::size_t equals = setting.find('=');
  if (equals == std::string::npos || equals == 0) {
    throw base::Error(
        base::ErrorCode::kInvalidArgument,
        fmt::format("--set {}: wanted key=value, for example --set rank=16", setting));
  }
  return {setting.substr(0, equals), setting_value(setting.substr(equals + 1))};
}

int train_command(HubClient& client, Console& console, const TrainOptions& options) {
  const MlxLmConfig config = config_of(options);
  Json body = job_body(options, config);  // a wrong --set is told before anything is uploaded
  for (const std::string& note : config.notes) {
    console.err << "note: " << note << std::endl;
  }
  const std::string model = registered_model(client, *config.model);
  body["model"] =
      config.adapter_file ? register_adapter(client, console, model, *config.adapter_file) : model;
  body["dataset"] = register_data(client, console, *config.data);
  if (options.dry_run) {
    body["dry_run"] = true;
    const Json plan = client.post("/jobs", body);
    if (options.json) {
      console.out << plan.dump(2) << std::endl;
    } else {
      show_plan(console, plan);
    }
    return 0;
  }
  if (config.report_to.empty()) {
    return submit_job_command(client, console, body, options.watch, options.json);
  }
  // What is reported is complete when the job has ended.
  const std::string id = base::JsonReader(client.post("/jobs", body)).string("id");
  console.err << fmt::format("job {}", id) << std::endl;
  const int status = watch_job_command(client, console, id, options.json);
  write_reports(client, console, config, id);
  return status;
}

}  // namespace hub::api

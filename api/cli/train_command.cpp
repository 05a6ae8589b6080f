#include <algorithm>
#include <filesystem>
#include <string>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "api/cli/commands.h"
#include "api/server/uri.h"
#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/json_reader.h"

namespace hub::api {
namespace {

using base::Json;

// A name for a file's content: the same file gives the same data set. Names: base/ids.h.
std::string dataset_name(const std::filesystem::path& file) {
  std::string stem = file.stem().string().substr(0, 80);
  std::replace_if(
      stem.begin(),
      stem.end(),
      [](char letter) {
        const bool fits = (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
                          (letter >= '0' && letter <= '9') || letter == '.' || letter == '_' ||
                          letter == '-';
        return !fits;
      },
      '-');
  const std::size_t first = stem.find_first_not_of("._-");
  stem = first == std::string::npos ? "data" : stem.substr(first);
  return fmt::format("{}-{}", stem, base::sha256_file(file).substr(0, 8));
}

// The registered name of what --data names.
std::string register_data(HubClient& client, Console& console, const std::string& data) {
  const std::filesystem::path file(data);
  std::error_code error;
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
  const std::string name = dataset_name(file);
  try {
    const Json dataset = client.upload("/datasets", name, file);
    const auto rows = base::JsonReader(dataset).optional_int("rows", 0, INT64_MAX);
    console.err << fmt::format("data set {}: {} rows", name, rows.value_or(0)) << std::endl;
  } catch (const base::Error& refused) {
    if (refused.code() != base::ErrorCode::kConflict) {
      throw;
    }
    console.err << fmt::format("data set {} is registered already", name) << std::endl;
  }
  return name;
}

// A number, true, false, null, list or object as JSON; anything else is text.
Json setting_value(const std::string& text) {
  Json value = Json::parse(text, nullptr, false);
  return value.is_discarded() ? Json(text) : value;
}

Json job_body(const TrainOptions& options, const std::string& dataset) {
  Json body = {{"type", "finetune"}, {"model", options.model}, {"dataset", dataset}};
  Json params = Json::object();
  for (const std::string& setting : options.settings) {
    const std::size_t equals = setting.find('=');
    if (equals == std::string::npos || equals == 0) {
      throw base::Error(
          base::ErrorCode::kInvalidArgument,
          fmt::format("--set {}: wanted key=value, for example --set rank=16", setting));
    }
    const std::string key = setting.substr(0, equals);
    const bool of_job = key == "priority" || key == "timeout_seconds";
    (of_job ? body : params)[key] = setting_value(setting.substr(equals + 1));
  }
  if (!params.empty()) {
    body["params"] = std::move(params);
  }
  if (options.name) {
    body["output"] = {{"name", *options.name}};
  }
  return body;
}

}  // namespace

int train_command(HubClient& client, Console& console, const TrainOptions& options) {
  static_cast<void>(job_body(options, ""));  // a wrong --set is told before anything is uploaded
  const std::string dataset = register_data(client, console, options.data);
  const Json job = client.post("/jobs", job_body(options, dataset));
  const std::string id = base::JsonReader(job).string("id");
  if (options.watch) {
    console.err << fmt::format("job {}", id) << std::endl;
    return watch_job_command(client, console, id, options.json);
  }
  if (options.json) {
    console.out << job.dump(2) << std::endl;
  } else {
    console.out << id << std::endl;
    console.err << fmt::format("queued; follow it with: mlx-hub jobs watch {}", id) << std::endl;
  }
  return 0;
}

}  // namespace hub::api

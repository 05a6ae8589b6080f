#include "core/model_config/evaluate_params.h"

#include <algorithm>
#include <array>
#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/json_reader.h"

namespace hub::model_config {
namespace {

constexpr std::array<std::string_view, 3> kTasks{"loss", "exact_match", "multiple_choice"};

}  // namespace

EvaluateParams EvaluateParams::from_json(const base::Json& json, const std::string& path) {
  const base::JsonReader reader(json, path);
  reader.refuse_unknown(
      {"task", "max_rows", "max_seq_length", "batch_size", "train_on_prompt", "max_tokens"});
  EvaluateParams params;
  params.task = reader.optional_string("task").value_or(params.task);
  if (std::find(kTasks.begin(), kTasks.end(), params.task) == kTasks.end()) {
    throw base::Error(
        base::ErrorCode::kInvalidArgument,
        fmt::format(
            "'{}' must be one of {}, got \"{}\"",
            reader.path_of("task"),
            fmt::join(kTasks, ", "),
            params.task.substr(0, 60)),
        reader.path_of("task"));
  }
  params.max_rows = reader.optional_int("max_rows", 1, INT64_MAX);
  params.max_seq_length = static_cast<int>(
      reader.optional_int("max_seq_length", 2, 1 << 20).value_or(params.max_seq_length));
  if (const auto size = reader.optional_int("batch_size", 1, 4096)) {
    params.batch_size = static_cast<int>(*size);
  }
  params.train_on_prompt = reader.optional_bool("train_on_prompt").value_or(false);
  params.max_tokens =
      static_cast<int>(reader.optional_int("max_tokens", 1, 1 << 16).value_or(params.max_tokens));
  return params;
}

base::Json EvaluateParams::to_json() const {
  base::Json json = base::Json::object();
  json["task"] = task;
  json["max_rows"] = max_rows ? base::Json(*max_rows) : base::Json(nullptr);
  json["max_seq_length"] = max_seq_length;
  json["batch_size"] = batch_size ? base::Json(*batch_size) : base::Json(nullptr);
  json["train_on_prompt"] = train_on_prompt;
  json["max_tokens"] = max_tokens;
  return json;
}

}  // namespace hub::model_config

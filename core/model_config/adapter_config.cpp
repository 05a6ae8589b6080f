#include "core/model_config/adapter_config.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/json_reader.h"

namespace hub::model_config {
namespace {

using base::JsonReader;

[[noreturn]] void refuse(const std::string& message) {
  throw base::Error(base::ErrorCode::kUnprocessable, message);
}

}  // namespace

AdapterConfig AdapterConfig::from_json(const base::Json& json) {
  const JsonReader reader(json);
  if (reader.has("peft_type")) {
    refuse("this is a PEFT adapter ('peft_type'); mlx-lm's format is needed ('fine_tune_type')");
  }
  AdapterConfig config;
  config.fine_tune_type = reader.optional_string("fine_tune_type").value_or("lora");
  const bool full = config.fine_tune_type == "full";
  if (config.fine_tune_type != "lora" && config.fine_tune_type != "dora" && !full) {
    refuse(
        fmt::format(
            "'fine_tune_type' {} is not supported; supported are: lora, dora, full",
            config.fine_tune_type));
  }
  config.num_layers = static_cast<int>(reader.optional_int("num_layers", -1, 1 << 12).value_or(-1));
  if (full) {
    return config;
  }
  static_cast<void>(reader.value("lora_parameters"));
  const JsonReader lora(*reader.optional_object("lora_parameters"), "lora_parameters");
  static_cast<void>(lora.value("rank"));
  static_cast<void>(lora.value("scale"));
  config.rank = static_cast<int>(lora.optional_int("rank", 1, 1 << 16).value_or(0));
  config.scale = lora.optional_number("scale", -1e6, 1e6).value_or(0.0);
  config.dropout = lora.optional_number("dropout", 0.0, 1.0).value_or(0.0);
  config.keys = lora.optional_strings("keys");
  return config;
}

AdapterConfig AdapterConfig::load(const std::filesystem::path& folder) {
  const auto file = folder / "adapter_config.json";
  try {
    return from_json(base::parse_json(base::read_file(file, 16U << 20U), "the file"));
  } catch (const base::Error& error) {
    throw base::Error(
        base::ErrorCode::kUnprocessable, fmt::format("{}: {}", file.string(), error.what()));
  }
}

}  // namespace hub::model_config

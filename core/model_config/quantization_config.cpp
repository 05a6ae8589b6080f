#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/model_config/config_fields.h"
#include "core/model_config/quantization.h"

namespace hub::model_config {
namespace {

using base::JsonReader;

Quantization quantization_from(
    const JsonReader& reader, const std::optional<Quantization>& defaults, Fields& fields) {
  const auto required = [&](std::string_view key, int low, int high, std::optional<int> otherwise) {
    const auto value = reader.optional_int(key, low, high);
    return value       ? static_cast<int>(*value)
           : otherwise ? *otherwise
                       : [&] {
                           static_cast<void>(reader.value(key));  // throws "is required"
                           return 0;
                         }();
  };
  Quantization result;
  result.group_size = required(
      "group_size", 16, 1024, defaults ? std::optional(defaults->group_size) : std::nullopt);
  result.bits = required("bits", 2, 8, defaults ? std::optional(defaults->bits) : std::nullopt);
  result.mode =
      reader.optional_string("mode").value_or("affine");  // also where the others are mxfp4
  if (const std::string problem = quantization_problem(result); !problem.empty()) {
    fields.complain(fmt::format("'{}': {}", reader.path_of("mode"), problem));
  }
  return result;
}

}  // namespace

void read_quantization(ModelConfig& config, Fields& fields) {
  const std::string key =
      fields.reader().has("quantization") ? "quantization" : "quantization_config";
  fields.attempt([&] {
    const base::Json* object = fields.reader().optional_object(key);
    if (object == nullptr) {
      return;
    }
    const JsonReader reader(*object, key);
    if (const auto method = reader.optional_string("quant_method")) {
      fields.complain(
          fmt::format("'{}.quant_method' {} is not supported: convert it to MLX's", key, *method));
      return;
    }
    config.quantization = quantization_from(reader, std::nullopt, fields);
    for (const auto& [path, value] : object->items()) {
      if (value.is_object()) {
        config.quantization_overrides[path] =
            quantization_from(JsonReader(value, reader.path_of(path)), config.quantization, fields);
      } else if (value.is_boolean() && !value.get<bool>()) {
        config.unquantized.insert(path);
      }
    }
  });
}

}  // namespace hub::model_config

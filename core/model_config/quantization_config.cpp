#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/model_config/config_fields.h"

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
  const bool known_group =
      result.group_size == 32 || result.group_size == 64 || result.group_size == 128;
  const bool affine = result.mode == "affine" && known_group && result.bits != 7;
  const bool mxfp4 = result.mode == "mxfp4" && result.group_size == 32 && result.bits == 4;
  if (!affine && !mxfp4) {
    fields.complain(
        fmt::format(
            "'{}' must be affine with group_size 32, 64 or 128 and 2, 3, 4, 5, 6 or 8 bits, or "
            "mxfp4 with group_size 32 and 4 bits, got {}, group_size {}, {} bits",
            reader.path_of("mode"),
            result.mode,
            result.group_size,
            result.bits));
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

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "core/model_config/config_fields.h"

namespace hub::model_config {
namespace {

using base::Json;
using base::JsonReader;
using RopeScaling = ModelConfig::RopeScaling;

constexpr std::array<std::string_view, 6> kTypes{
    "default", "linear", "llama3", "longrope", "su", "yarn"};

float number(const JsonReader& scaling, std::string_view name, float otherwise) {
  return static_cast<float>(scaling.optional_number(name, 0.0, 1e6).value_or(otherwise));
}

// A field that has no sensible default.
float required_number(const JsonReader& scaling, std::string_view name) {
  static_cast<void>(scaling.value(name));  // throws "is required"
  return static_cast<float>(scaling.optional_number(name, 1e-3, 1e6).value_or(1.0));
}

void read_llama3(RopeScaling& result, const JsonReader& scaling, Fields& fields) {
  result.factor = required_number(scaling, "factor");
  result.low_freq_factor = number(scaling, "low_freq_factor", 1.0F);
  result.high_freq_factor = number(scaling, "high_freq_factor", 4.0F);
  if (result.high_freq_factor <= result.low_freq_factor || result.low_freq_factor <= 0.0F) {
    fields.complain(
        fmt::format(
            "'{}' must be greater than 'low_freq_factor', which must be greater than 0, got {} "
            "and {}",
            scaling.path_of("high_freq_factor"),
            result.high_freq_factor,
            result.low_freq_factor));
  }
}

// One number for each rotated pair. As mlx-lm, `long_factor` holds for short contexts, too.
void read_longrope(
    RopeScaling& result, const JsonReader& scaling, const ModelConfig& config, Fields& fields) {
  result.type = "longrope";
  static_cast<void>(scaling.value("long_factor"));
  for (const Json& factor : *scaling.optional_array("long_factor")) {
    if (!factor.is_number() || factor.get<double>() <= 0.0) {
      fields.complain(
          fmt::format(
              "'{}' must hold numbers above 0, got {}",
              scaling.path_of("long_factor"),
              factor.dump()));
      return;
    }
    result.long_factor.push_back(factor.get<float>());
  }
  const int rotated = config.rotary_dim > 0 ? config.rotary_dim : config.head_dim;
  if (result.long_factor.size() != static_cast<std::size_t>(rotated / 2)) {
    fields.complain(
        fmt::format(
            "'{}' has {} entries, one for each of {} pairs is needed",
            scaling.path_of("long_factor"),
            result.long_factor.size(),
            rotated / 2));
  }
  result.factor = static_cast<float>(config.max_position_embeddings) /
                  static_cast<float>(result.original_max_position_embeddings);
}

void read_yarn(RopeScaling& result, const JsonReader& scaling, Fields& fields) {
  result.factor = required_number(scaling, "factor");
  result.beta_fast = number(scaling, "beta_fast", 32.0F);
  result.beta_slow = number(scaling, "beta_slow", 1.0F);
  result.mscale = number(scaling, "mscale", 1.0F);
  result.mscale_all_dim = number(scaling, "mscale_all_dim", 0.0F);
  if (result.beta_slow <= 0.0F || result.beta_fast <= result.beta_slow) {
    fields.complain(
        fmt::format(
            "'{}' must be greater than 'beta_slow', which must be greater than 0, got {} and {}",
            scaling.path_of("beta_fast"),
            result.beta_fast,
            result.beta_slow));
  }
}

// Where the original context is stated beside the object (Phi-3) or, in mlx-lm, not at all.
int original_context(const JsonReader& scaling, const Fields& fields, int otherwise) {
  constexpr std::string_view kName = "original_max_position_embeddings";
  return static_cast<int>(
      scaling.optional_int(kName, 1, kMaxContext)
          .value_or(fields.reader().optional_int(kName, 1, kMaxContext).value_or(otherwise)));
}

}  // namespace

void read_rope_scaling(ModelConfig& config, const JsonReader& scaling, Fields& fields) {
  config.rope_theta = static_cast<float>(
      scaling.optional_number("rope_theta", 1.0, 1e12).value_or(config.rope_theta));
  const std::string type = scaling.optional_string("type").value_or(
      scaling.optional_string("rope_type").value_or("default"));
  if (std::find(kTypes.begin(), kTypes.end(), type) == kTypes.end()) {
    fields.complain(
        fmt::format(
            "'{}' is {}; supported are: {}",
            scaling.path_of("type"),
            type,
            fmt::join(kTypes, ", ")));
    return;
  }
  if (type == "default") {
    return;
  }
  RopeScaling result;
  result.type = type;
  const bool is_llama3 = type == "llama3" || type == "linear";
  result.original_max_position_embeddings =
      original_context(scaling, fields, is_llama3 ? 8192 : 4096);
  if (type == "linear") {
    result.factor = required_number(scaling, "factor");
  } else if (type == "llama3") {
    read_llama3(result, scaling, fields);
  } else if (type == "yarn") {
    read_yarn(result, scaling, fields);
  } else {
    read_longrope(result, scaling, config, fields);
  }
  config.rope_scaling = result;
}

void read_rope(ModelConfig& config, Fields& fields) {
  config.rope_theta = fields.number("rope_theta", 1.0, 1e12, config.rope_theta);
  config.rope_traditional = fields.flag("rope_traditional", false);
  const bool new_form = fields.reader().has("rope_parameters");
  const std::string key = new_form ? "rope_parameters" : "rope_scaling";
  fields.attempt([&] {
    const Json* object = fields.reader().optional_object(key);
    const Json none = Json::object();
    const JsonReader scaling(object == nullptr ? none : *object, key);
    constexpr std::string_view kPart = "partial_rotary_factor";
    const auto part = scaling.optional_number(kPart, 0.0, 1.0);
    const double factor =
        part.value_or(fields.reader().optional_number(kPart, 0.0, 1.0).value_or(1.0));
    const auto rotated = static_cast<int>(config.head_dim * factor);
    config.rotary_dim = rotated == config.head_dim ? 0 : rotated;
    if (rotated % 2 != 0 || rotated == 0) {
      fields.complain(
          fmt::format(
              "'{}' {} of 'head_dim' {} must be an even number of elements, not {}",
              kPart,
              factor,
              config.head_dim,
              rotated));
      return;
    }
    if (object != nullptr) {
      read_rope_scaling(config, scaling, fields);
    }
  });
}

}  // namespace hub::model_config

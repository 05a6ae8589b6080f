#include "core/model_config/quantize_params.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/json_reader.h"
#include "core/model_config/quantization.h"

namespace hub::model_config {
namespace {

using base::Error;
using base::ErrorCode;
using base::Json;
using base::JsonReader;

constexpr std::array<std::string_view, 4> kRecipes{
    "mixed_2_6", "mixed_3_4", "mixed_3_6", "mixed_4_6"};
constexpr std::array<std::string_view, 3> kDtypes{"float16", "bfloat16", "float32"};

template <std::size_t N>
std::optional<std::string> read_choice(
    const JsonReader& reader,
    std::string_view key,
    const std::array<std::string_view, N>& choices) {
  const auto value = reader.optional_string(key);
  if (value && std::find(choices.begin(), choices.end(), *value) == choices.end()) {
    throw Error(
        ErrorCode::kInvalidArgument,
        fmt::format(
            "'{}' must be one of {}, got \"{}\"",
            reader.path_of(key),
            fmt::join(choices, ", "),
            value->substr(0, 60)),
        reader.path_of(key));
  }
  return value;
}

// Absent fields are those of `otherwise`, unless another mode is named.
Quantization read_quantization(const JsonReader& reader, const Quantization& otherwise) {
  const std::string mode = reader.optional_string("mode").value_or(otherwise.mode);
  Quantization quantization = otherwise;
  if (mode != otherwise.mode) {
    const auto modes = quantization_modes();
    quantization = std::find(modes.begin(), modes.end(), mode) == modes.end()
                       ? Quantization{.group_size = 0, .bits = 0, .mode = mode}
                       : default_quantization(mode);
  }
  const auto bits = reader.optional_int("bits", 1, 32);
  const auto group_size = reader.optional_int("group_size", 1, 1 << 20);
  quantization.bits = static_cast<int>(bits.value_or(quantization.bits));
  quantization.group_size = static_cast<int>(group_size.value_or(quantization.group_size));
  if (const std::string problem = quantization_problem(quantization); !problem.empty()) {
    const std::string field = reader.path_of(bits ? "bits" : group_size ? "group_size" : "mode");
    throw Error(ErrorCode::kInvalidArgument, fmt::format("'{}': {}", field, problem), field);
  }
  return quantization;
}

void read_overrides(const JsonReader& reader, QuantizeParams& params) {
  const Json* given = reader.optional_object("overrides");
  if (given == nullptr) {
    return;
  }
  const std::string path = reader.path_of("overrides");
  for (const auto& [name, value] : given->items()) {
    const std::string field = fmt::format("{}.{}", path, name);
    if (value.is_boolean() && !value.get<bool>()) {
      params.overrides[name] = std::nullopt;
    } else if (value.is_object()) {
      const JsonReader own(value, field);
      own.refuse_unknown({"mode", "bits", "group_size"});
      params.overrides[name] = read_quantization(own, params.quantization);
    } else {
      throw Error(
          ErrorCode::kInvalidArgument,
          fmt::format(
              "'{}' must be false (stays as it is) or an object with mode, bits, group_size, got "
              "{}",
              field,
              value.dump().substr(0, 60)),
          field);
    }
  }
}

Json quantization_json(const Quantization& quantization) {
  Json json = Json::object();
  json["group_size"] = quantization.group_size;
  json["bits"] = quantization.bits;
  json["mode"] = quantization.mode;
  return json;
}

std::vector<std::string> parts_of(const std::string& path) {
  std::vector<std::string> parts(1);
  for (const char letter : path) {
    if (letter == '.') {
      parts.emplace_back();
    } else {
      parts.back() += letter;
    }
  }
  return parts;
}

bool is_number(const std::string& text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

bool fits(const std::string& path, const std::string& name) {
  return path == name || path.ends_with("." + name);
}

}  // namespace

QuantizeParams QuantizeParams::from_json(const Json& json, const std::string& path) {
  const JsonReader reader(json, path);
  reader.refuse_unknown({"mode", "bits", "group_size", "recipe", "overrides", "dtype", "check"});
  QuantizeParams params;
  params.quantization = read_quantization(reader, default_quantization("affine"));
  params.recipe = read_choice(reader, "recipe", kRecipes).value_or("");
  if (!params.recipe.empty() && (params.quantization.mode != "affine" || reader.has("bits"))) {
    const std::string field = reader.path_of("recipe");
    throw Error(
        ErrorCode::kInvalidArgument,
        fmt::format("'{}' chooses the bits itself, of mode affine: leave bits and mode out", field),
        field);
  }
  read_overrides(reader, params);
  params.dtype = read_choice(reader, "dtype", kDtypes);
  params.check = reader.optional_bool("check").value_or(true);
  return params;
}

Json QuantizeParams::to_json() const {
  Json json = Json::object();
  json["mode"] = quantization.mode;
  if (recipe.empty()) {
    json["bits"] = quantization.bits;  // a recipe's are its own
  }
  json["group_size"] = quantization.group_size;
  json["recipe"] = recipe.empty() ? Json(nullptr) : Json(recipe);
  json["overrides"] = Json::object();
  for (const auto& [name, own] : overrides) {
    json["overrides"][name] = own ? quantization_json(*own) : Json(false);
  }
  json["dtype"] = dtype ? Json(*dtype) : Json(nullptr);
  json["check"] = check;
  return json;
}

QuantizationPlan::QuantizationPlan(
    QuantizeParams params, const std::vector<std::string>& paths, int num_layers)
    : params_(std::move(params)), num_layers_(num_layers) {
  if (!params_.recipe.empty()) {
    const auto first = std::find_if(paths.begin(), paths.end(), [](const std::string& path) {
      return contains(path, "down_proj");
    });
    if (first == paths.end()) {
      throw Error(
          ErrorCode::kUnprocessable,
          fmt::format("{} goes by down_proj, which this model has not", params_.recipe),
          "params.recipe");
    }
    const auto parts = parts_of(*first);
    const auto number = std::find_if(parts.begin(), parts.end(), is_number);
    layer_place_ = static_cast<std::size_t>(number - parts.begin());
  }
  for (const auto& [name, own] : params_.overrides) {
    if (std::none_of(paths.begin(), paths.end(), [&wanted = name](const std::string& path) {
          return fits(path, wanted);
        })) {
      const std::string field = "params.overrides." + name;
      throw Error(
          ErrorCode::kInvalidArgument,
          fmt::format("'{}' names no matrix of this model", field),
          field);
    }
  }
}

const std::optional<Quantization>* QuantizationPlan::override_of(const std::string& path) const {
  const std::optional<Quantization>* best = nullptr;
  std::size_t length = 0;
  for (const auto& [name, own] : params_.overrides) {
    if (fits(path, name) && name.size() > length) {
      best = &own;
      length = name.size();
    }
  }
  return best;
}

Quantization QuantizationPlan::by_recipe(const std::string& path) const {
  // "mixed_<low>_<high>"
  const int low = params_.recipe.at(6) - '0';
  const int high = params_.recipe.at(8) - '0';
  const auto parts = parts_of(path);
  int index = 0;
  if (layer_place_ < parts.size() && is_number(parts[layer_place_])) {
    const std::string& text = parts[layer_place_];
    std::from_chars(text.data(), text.data() + text.size(), index);
  }
  // Python's % is never negative.
  const int beyond = ((index - num_layers_ / 8) % 3 + 3) % 3;
  const bool more = index < num_layers_ / 8 || index >= 7 * num_layers_ / 8 || beyond == 2;
  const bool is_value =
      contains(path, "v_proj") || contains(path, "v_a_proj") || contains(path, "v_b_proj");
  const bool high_bits =
      (more && (is_value || contains(path, "down_proj"))) || contains(path, "lm_head");
  Quantization quantization = params_.quantization;
  quantization.bits = high_bits ? high : low;
  return quantization;
}

std::optional<Quantization> QuantizationPlan::of(const std::string& path) const {
  if (const auto* own = override_of(path)) {
    return *own;
  }
  return params_.recipe.empty() ? params_.quantization : by_recipe(path);
}

bool QuantizationPlan::is_named(const std::string& path) const {
  return !params_.recipe.empty() || override_of(path) != nullptr;
}

}  // namespace hub::model_config

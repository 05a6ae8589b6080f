#include "core/peft/peft_config.h"

#include <array>
#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/json_reader.h"

namespace hub::peft {
namespace {

using base::Json;
using base::JsonReader;

// Patterns come from somebody else's file; regular expressions may take exponential time.
constexpr std::size_t kLongestPattern = 200;

bool is_set(const Json& value) {
  if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    return !text.empty() && text != "none";
  }
  return !value.is_null() && value != false && !(value.is_structured() && value.empty());
}

// What changes the arithmetic in a way that two factors and a scale do not tell.
constexpr std::array<const char*, 16> kInexpressible{
    "use_dora",
    "use_qalora",
    "use_bdlora",
    "kasa_config",
    "monteclora_config",
    "velora_config",
    "bias",
    "lora_bias",
    "modules_to_save",
    "fan_in_fan_out",
    "trainable_token_indices",
    "layer_replication",
    "alora_invocation_tokens",
    "arrow_config",
    "megatron_config",
    "target_parameters"};

std::vector<std::string> problems_of(const Json& json) {
  std::vector<std::string> problems;
  const std::string type = JsonReader(json).optional_string("peft_type").value_or("");
  if (type != "LORA") {
    problems.push_back(fmt::format("'peft_type' is {}; LORA can be imported", type));
  }
  for (const char* name : kInexpressible) {
    const auto found = json.find(name);
    if (found != json.end() && is_set(*found)) {
      problems.push_back(fmt::format("'{}' is {}", name, found->dump().substr(0, 80)));
    }
  }
  // These start from a base whose weights they have changed; the factors do not fit the one that
  // was named.
  const auto initial = json.find("init_lora_weights");
  if (initial != json.end() && initial->is_string()) {
    const auto name = initial->get<std::string>();
    for (const char* changing : {"pissa", "olora", "corda", "loftq", "lora_ga"}) {
      if (name.starts_with(changing)) {
        problems.push_back(fmt::format("'init_lora_weights' is {}, which changes the base", name));
      }
    }
  }
  return problems;
}

}  // namespace

bool PeftConfig::is_peft(const Json& json) {
  return json.is_object() && json.contains("peft_type");
}

PeftConfig PeftConfig::from_json(const Json& json) {
  const auto problems = problems_of(json);
  if (!problems.empty()) {
    throw base::Error(
        base::ErrorCode::kUnprocessable,
        fmt::format(
            "this PEFT adapter cannot be imported: {}: mlx-lm's format has two factors and one "
            "scale for each linear",
            fmt::join(problems, "; ")),
        {},
        "adapter_not_supported");
  }
  const JsonReader reader(json);
  PeftConfig config;
  config.rank_ = static_cast<int>(reader.optional_int("r", 1, 1 << 16).value_or(config.rank_));
  config.alpha_ = reader.optional_number("lora_alpha", -1e6, 1e6).value_or(config.alpha_);
  config.dropout_ = reader.optional_number("lora_dropout", 0.0, 1.0).value_or(0.0);
  config.rank_stabilized_ = reader.optional_bool("use_rslora").value_or(false);
  config.base_model_ = reader.optional_string("base_model_name_or_path").value_or("");
  config.rank_patterns_ = patterns(json, "rank_pattern");
  config.alpha_patterns_ = patterns(json, "alpha_pattern");
  return config;
}

std::vector<PeftConfig::Pattern> PeftConfig::patterns(const Json& json, const char* key) {
  std::vector<Pattern> result;
  const JsonReader reader(json);
  const Json* given = reader.optional_object(key);
  if (given == nullptr) {
    return result;
  }
  const JsonReader values(*given, key);
  for (const auto& [text, unused] : given->items()) {
    const double value = values.optional_number(text, -1e6, 1e6).value_or(0.0);
    try {
      if (text.size() > kLongestPattern) {
        throw std::regex_error(std::regex_constants::error_complexity);
      }
      result.push_back({std::regex("(.*\\.)?(" + text + ")"), value});
    } catch (const std::regex_error&) {
      throw base::Error(
          base::ErrorCode::kUnprocessable,
          fmt::format("'{}' has a pattern that cannot be read: {}", key, text.substr(0, 80)));
    }
  }
  return result;
}

double PeftConfig::scaled(double alpha, int rank) const {
  const double width = rank;
  return alpha / (rank_stabilized_ ? std::sqrt(width) : width);
}

double PeftConfig::scale(const std::string& path, int rank) const {
  for (const Pattern& pattern : alpha_patterns_) {
    if (std::regex_match(path, pattern.path)) {
      return scaled(pattern.value, rank);
    }
  }
  return scaled(alpha_, rank);
}

int PeftConfig::rank(const std::string& path) const {
  for (const Pattern& pattern : rank_patterns_) {
    if (std::regex_match(path, pattern.path)) {
      return static_cast<int>(pattern.value);
    }
  }
  return rank_;
}

}  // namespace hub::peft

#include "api/openai/sampling_options.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <string>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"

namespace hub::api {

namespace {

using base::Error;
using base::ErrorCode;
using base::Json;
using base::JsonReader;

constexpr std::int64_t kMaxInt = std::numeric_limits<int>::max();
// The largest double below 2^63: seeds may come as 1e3.
constexpr std::int64_t kMaxSeed = std::numeric_limits<std::int64_t>::max() - 1023;
// OpenAI's bounds of presence_penalty and frequency_penalty, and of a bias.
constexpr double kMaxPenalty = 2.0;
constexpr double kMaxBias = 100.0;
// Beyond it no logit is left as it was meant.
constexpr double kMaxRepetitionPenalty = 100.0;

float number(const JsonReader& body, std::string_view key, double low, double high, float absent) {
  const auto found = body.optional_number(key, low, high);
  return found ? static_cast<float>(*found) : absent;
}

std::optional<int> optional_count(const JsonReader& body, std::string_view key) {
  const auto found = body.optional_int(key, 0, kMaxInt);
  return found ? std::optional(static_cast<int>(*found)) : std::nullopt;
}

// {"token id": bias}
std::vector<std::pair<int, float>> read_bias(const JsonReader& body) {
  std::vector<std::pair<int, float>> bias;
  const Json* object = body.optional_object("logit_bias");
  if (object == nullptr) {
    return bias;
  }
  const JsonReader reader(*object, body.path_of("logit_bias"));
  for (const auto& [key, value] : object->items()) {
    int token = -1;
    const auto [end, failed] = std::from_chars(key.data(), key.data() + key.size(), token);
    if (failed != std::errc() || end != key.data() + key.size() || token < 0) {
      throw Error(
          ErrorCode::kInvalidArgument,
          fmt::format(
              "'{}' must have token ids as keys, got \"{}\"", body.path_of("logit_bias"), key),
          "logit_bias");
    }
    // null takes nothing away and gives nothing.
    bias.emplace_back(token, number(reader, key, -kMaxBias, kMaxBias, 0.0F));
  }
  return bias;
}

engine::LogitRules::Dry read_dry(const JsonReader& body) {
  engine::LogitRules::Dry dry;
  dry.multiplier = number(body, "dry_multiplier", 0.0, kMaxBias, dry.multiplier);
  dry.base = number(body, "dry_base", 1.0, kMaxBias, dry.base);
  dry.allowed_length = static_cast<int>(
      body.optional_int("dry_allowed_length", 1, kMaxInt).value_or(dry.allowed_length));
  const std::int64_t last = body.optional_int("dry_penalty_last_n", -1, kMaxInt).value_or(-1);
  if (last >= 0) {
    dry.context = static_cast<int>(last);
  }
  return dry;
}

engine::LogitRules read_rules(const JsonReader& body) {
  engine::LogitRules rules;
  rules.bias = read_bias(body);
  const float repetition = number(body, "repetition_penalty", 0.0, kMaxRepetitionPenalty, 1.0F);
  rules.repetition_penalty = repetition == 0.0F ? 1.0F : repetition;  // mlx-lm's word for "off"
  if (const auto context = optional_count(body, "repetition_context_size")) {
    rules.repetition_context = context;
  }
  rules.presence_penalty = number(body, "presence_penalty", -kMaxPenalty, kMaxPenalty, 0.0F);
  rules.presence_context = optional_count(body, "presence_context_size");
  rules.frequency_penalty = number(body, "frequency_penalty", -kMaxPenalty, kMaxPenalty, 0.0F);
  rules.frequency_context = optional_count(body, "frequency_context_size");
  rules.dry = read_dry(body);
  return rules;
}

}  // namespace

engine::SamplingParams read_sampling(const JsonReader& body) {
  engine::SamplingParams params;
  params.temperature = number(body, "temperature", 0.0, 2.0, params.temperature);
  params.top_p = number(body, "top_p", 0.0, 1.0, params.top_p);
  params.min_p = number(body, "min_p", 0.0, 1.0, params.min_p);
  params.typical_p = number(body, "typical_p", 0.0, 1.0, params.typical_p);
  params.xtc_probability = number(body, "xtc_probability", 0.0, 1.0, params.xtc_probability);
  params.xtc_threshold = number(body, "xtc_threshold", 0.0, 0.5, params.xtc_threshold);
  const std::int64_t top_k = body.optional_int("top_k", -1, kMaxInt).value_or(0);
  params.top_k = static_cast<int>(std::max<std::int64_t>(top_k, 0));
  if (const auto seed = body.optional_int("seed", -kMaxSeed, kMaxSeed)) {
    params.seed = static_cast<std::uint64_t>(*seed);
  }
  params.rules = read_rules(body);
  return params;
}

}  // namespace hub::api

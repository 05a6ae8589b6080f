#include "api/openai/generation_options.h"

#include <algorithm>
#include <limits>
#include <string_view>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"

namespace hub::api {

namespace {

using base::Error;
using base::ErrorCode;
using base::Json;
using base::JsonReader;

constexpr std::size_t kMaxStops = 16;
constexpr double kHuge = std::numeric_limits<double>::max();
constexpr std::int64_t kMaxInt = std::numeric_limits<int>::max();
// The largest double below 2^63: seeds may come as 1e3.
constexpr std::int64_t kMaxSeed = std::numeric_limits<std::int64_t>::max() - 1023;

float number(const JsonReader& body, std::string_view key, double high, float fallback) {
  const auto found = body.optional_number(key, 0.0, high);
  return found ? static_cast<float>(*found) : fallback;
}

std::vector<std::string> read_stop(const JsonReader& body) {
  if (!body.has("stop")) {
    return {};
  }
  if (body.value("stop").is_string()) {
    return {body.string("stop")};
  }
  if (!body.value("stop").is_array()) {
    throw Error(
        ErrorCode::kInvalidArgument,
        fmt::format(
            "'stop' must be a string or an array of strings, got {}",
            body.value("stop").type_name()),
        "stop");
  }
  std::vector<std::string> stops = *body.optional_strings("stop");
  if (stops.size() > kMaxStops) {
    throw Error(
        ErrorCode::kInvalidArgument,
        fmt::format("'stop' may hold at most {} strings, got {}", kMaxStops, stops.size()),
        "stop");
  }
  return stops;
}

std::optional<int> read_max_tokens(const JsonReader& body) {
  const auto old_name = body.optional_int("max_tokens", 1, kMaxInt);
  const auto new_name = body.optional_int("max_completion_tokens", 1, kMaxInt);
  const auto wanted = new_name ? new_name : old_name;
  return wanted ? std::optional(static_cast<int>(*wanted)) : std::nullopt;
}

// An empty list, object or string asks for nothing.
bool asks(const JsonReader& body, std::string_view key) {
  if (!body.has(key)) {
    return false;
  }
  const Json& value = body.value(key);
  return value.is_string() ? !value.get_ref<const std::string&>().empty() : !value.empty();
}

void refuse_unless_number(
    const JsonReader& body, const std::string& key, std::initializer_list<double> harmless) {
  const auto found = body.optional_number(key, -kHuge, kHuge);
  if (found && std::ranges::find(harmless, *found) == harmless.end()) {
    refuse_unsupported(
        body.path_of(key), fmt::format("leave it out or send {}", *harmless.begin()));
  }
}

// Fields of OpenAI's, mlx-lm's and llama.cpp's requests that would change the answer.
void refuse_what_is_not_supported(const JsonReader& body) {
  if (body.optional_int("n", 1, kMaxInt).value_or(1) != 1) {
    refuse_unsupported(body.path_of("n"), "only 1 is supported; send several requests");
  }
  if (body.optional_int("best_of", 1, kMaxInt).value_or(1) != 1) {
    refuse_unsupported(body.path_of("best_of"), "only 1 is supported");
  }
  for (const char* key : {"presence_penalty", "frequency_penalty", "xtc_probability"}) {
    refuse_unless_number(body, key, {0.0});
  }
  refuse_unless_number(body, "repetition_penalty", {1.0, 0.0});
  if (body.optional_int("top_logprobs", -1, kMaxInt).value_or(0) > 0) {
    refuse_unsupported(body.path_of("top_logprobs"), "leave it out");
  }
  for (const char* key :
       {"logit_bias",
        "tools",
        "functions",
        "audio",
        "grammar",
        "json_schema",
        "adapters",
        "lora",
        "prediction"}) {
    if (asks(body, key)) {
      refuse_unsupported(body.path_of(key), "leave it out");
    }
  }
  if (const Json* format = body.optional_object("response_format")) {
    const JsonReader reader(*format, body.path_of("response_format"));
    if (reader.optional_string("type").value_or("text") != "text") {
      refuse_unsupported(reader.path_of("type"), "only \"text\" is supported");
    }
  }
}

}  // namespace

void refuse_unsupported(const std::string& path, const std::string& advice) {
  throw Error(
      ErrorCode::kInvalidArgument,
      fmt::format("'{}' is not supported as sent: {}", path, advice),
      path,
      "unsupported_parameter");
}

GenerationOptions GenerationOptions::from_json(const JsonReader& body) {
  GenerationOptions options;
  options.model = body.optional_string("model").value_or("");
  options.stream = body.optional_bool("stream").value_or(false);
  if (const Json* stream_options = body.optional_object("stream_options")) {
    const JsonReader reader(*stream_options, body.path_of("stream_options"));
    options.include_usage = reader.optional_bool("include_usage").value_or(false);
  }
  options.temperature = number(body, "temperature", 2.0, options.temperature);
  options.top_p = number(body, "top_p", 1.0, options.top_p);
  options.min_p = number(body, "min_p", 1.0, options.min_p);
  const std::int64_t top_k = body.optional_int("top_k", -1, kMaxInt).value_or(0);
  options.top_k = static_cast<int>(std::max<std::int64_t>(top_k, 0));
  if (const auto seed = body.optional_int("seed", -kMaxSeed, kMaxSeed)) {
    options.seed = static_cast<std::uint64_t>(*seed);
  }
  options.max_tokens = read_max_tokens(body);
  options.stop = read_stop(body);
  refuse_what_is_not_supported(body);
  return options;
}

}  // namespace hub::api

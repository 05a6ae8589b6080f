#include "api/openai/generation_options.h"

#include <algorithm>
#include <limits>
#include <string_view>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "api/openai/answer_grammar.h"
#include "api/openai/keep_alive.h"
#include "api/openai/sampling_options.h"
#include "core/base/error.h"

namespace hub::api {

namespace {

using base::Error;
using base::ErrorCode;
using base::Json;
using base::JsonReader;

constexpr std::size_t kMaxStops = 16;
constexpr std::int64_t kMaxInt = std::numeric_limits<int>::max();

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

// Whoever gets the prompt back may want nothing else.
std::optional<int> read_max_tokens(const JsonReader& body, bool echo) {
  const std::int64_t least = echo ? 0 : 1;
  const auto old_name = body.optional_int("max_tokens", least, kMaxInt);
  const auto new_name = body.optional_int("max_completion_tokens", least, kMaxInt);
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

std::vector<int> read_stop_token_ids(const JsonReader& body) {
  std::vector<int> ids;
  const Json* found = body.optional_array("stop_token_ids");
  for (const Json& id : found == nullptr ? Json::array() : *found) {
    if (!id.is_number_integer() || id.get<double>() < 0.0 || id.get<double>() > kMaxInt) {
      throw Error(
          ErrorCode::kInvalidArgument,
          fmt::format("'stop_token_ids[{}]' must be a token id, got {}", ids.size(), id.dump()),
          "stop_token_ids");
    }
    ids.push_back(id.get<int>());
  }
  return ids;
}

void read_answer_counts(const JsonReader& body, GenerationOptions& options) {
  options.n =
      static_cast<int>(body.optional_int("n", 1, GenerationOptions::kMaxAnswers).value_or(1));
  options.best_of = static_cast<int>(
      body.optional_int("best_of", 1, GenerationOptions::kMaxAnswers).value_or(options.n));
  if (options.best_of < options.n) {
    throw Error(
        ErrorCode::kInvalidArgument,
        fmt::format("'best_of' must be at least 'n', {}, got {}", options.n, options.best_of),
        "best_of");
  }
  if (options.best_of > options.n && options.stream) {
    throw Error(
        ErrorCode::kInvalidArgument,
        "'best_of' must equal 'n' with 'stream': which answers are best is known at their end",
        "best_of");
  }
}

// "truncation" as in OpenAI's Responses, "truncate_prompt_tokens" as in vLLM.
void read_truncation(const JsonReader& body, GenerationOptions& options) {
  const std::string policy = body.optional_string("truncation").value_or("disabled");
  if (policy != "auto" && policy != "disabled") {
    throw Error(
        ErrorCode::kInvalidArgument,
        fmt::format("'truncation' must be \"auto\" or \"disabled\", got \"{}\"", policy),
        "truncation");
  }
  options.truncates = policy == "auto";
  if (const auto tokens = body.optional_int("truncate_prompt_tokens", -1, kMaxInt)) {
    if (*tokens == 0) {
      throw Error(
          ErrorCode::kInvalidArgument,
          "'truncate_prompt_tokens' must be at least 1, or -1, got 0",
          "truncate_prompt_tokens");
    }
    options.truncate_prompt_tokens = static_cast<int>(*tokens);
  }
}

// OpenAI's predicted output: {"type": "content", "content": a text or an array of text parts}.
std::string read_prediction(const JsonReader& body) {
  const Json* prediction = body.optional_object("prediction");
  if (prediction == nullptr) {
    return {};
  }
  const JsonReader reader(*prediction, body.path_of("prediction"));
  if (const std::string type = reader.string("type"); type != "content") {
    throw Error(
        ErrorCode::kInvalidArgument,
        fmt::format("'{}' must be \"content\", got \"{}\"", reader.path_of("type"), type),
        reader.path_of("type"));
  }
  if (!reader.value("content").is_array()) {
    return reader.string("content");
  }
  std::string text;
  for (const JsonReader& part : reader.optional_objects("content")) {
    text += part.string("text");
  }
  return text;
}

}  // namespace

void refuse_unsupported(const std::string& path, const std::string& advice) {
  throw Error(
      ErrorCode::kInvalidArgument,
      fmt::format("'{}' is not supported as sent: {}", path, advice),
      path,
      "unsupported_parameter");
}

void refuse_if_asked(const JsonReader& body, std::string_view key, const std::string& advice) {
  if (asks(body, key)) {
    refuse_unsupported(body.path_of(key), advice);
  }
}

GenerationOptions GenerationOptions::from_json(const JsonReader& body, bool can_echo) {
  GenerationOptions options;
  options.model = body.optional_string("model").value_or("");
  options.stream = body.optional_bool("stream").value_or(false);
  if (const Json* stream_options = body.optional_object("stream_options")) {
    const JsonReader reader(*stream_options, body.path_of("stream_options"));
    options.include_usage = reader.optional_bool("include_usage").value_or(false);
  }
  options.sampling = read_sampling(body);
  if (auto breakers = body.optional_strings("dry_sequence_breakers")) {
    options.dry_breakers = std::move(*breakers);
  }
  options.echo = can_echo && body.optional_bool("echo").value_or(false);
  options.max_tokens = read_max_tokens(body, options.echo);
  options.min_tokens = static_cast<int>(body.optional_int("min_tokens", 0, kMaxInt).value_or(0));
  if (options.max_tokens && options.min_tokens > *options.max_tokens) {
    throw Error(
        ErrorCode::kInvalidArgument,
        fmt::format(
            "'min_tokens' must be at most 'max_tokens', {}, got {}",
            *options.max_tokens,
            options.min_tokens),
        "min_tokens");
  }
  options.ignore_eos = body.optional_bool("ignore_eos").value_or(false);
  options.stop_token_ids = read_stop_token_ids(body);
  options.stop = read_stop(body);
  read_answer_counts(body, options);
  read_truncation(body, options);
  options.prediction = read_prediction(body);
  options.grammar = read_grammar(body);
  options.keep_alive_seconds = read_keep_alive(body);
  options.priority =
      static_cast<int>(body.optional_int("priority", -kMaxPriority, kMaxPriority).value_or(0));
  // Of OpenAI's, mlx-lm's and llama.cpp's requests.
  for (const char* key : {"audio", "grammar", "adapters", "lora"}) {
    refuse_if_asked(body, key, "leave it out");
  }
  return options;
}

}  // namespace hub::api

#include "api/openai/completion_request.h"

#include <cstdint>
#include <limits>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/json_reader.h"

namespace hub::api {

namespace {

using base::Error;
using base::ErrorCode;
using base::Json;
using base::JsonReader;

[[noreturn]] void refuse(const std::string& path, std::string_view wanted, const Json& got) {
  throw Error(
      ErrorCode::kInvalidArgument,
      fmt::format(
          "'{}' must be {}, got {}",
          path,
          wanted,
          got.is_array() && got.empty() ? "an empty array" : got.type_name()),
      path);
}

std::vector<int> read_tokens(const Json& tokens, const std::string& path) {
  std::vector<int> result;
  result.reserve(tokens.size());
  for (const Json& token : tokens) {
    const bool fits = token.is_number_integer() && token.get<double>() >= 0.0 &&
                      token.get<double>() <= std::numeric_limits<int>::max();
    if (!fits) {
      refuse(fmt::format("{}[{}]", path, result.size()), "a token id", token);
    }
    result.push_back(token.get<int>());
  }
  return result;
}

Prompt read_prompt(const Json& prompt, const std::string& path) {
  if (prompt.is_string()) {
    return prompt.get<std::string>();
  }
  if (!prompt.is_array() || prompt.empty()) {
    refuse(path, "a string or a non-empty array of token ids", prompt);
  }
  return read_tokens(prompt, path);
}

std::vector<Prompt> read_prompts(const Json& prompt) {
  const bool is_list = prompt.is_array() && !prompt.empty() && !prompt.front().is_number();
  if (!is_list) {
    return {read_prompt(prompt, "prompt")};
  }
  if (prompt.size() > CompletionRequest::kMaxPrompts) {
    throw Error(
        ErrorCode::kInvalidArgument,
        fmt::format(
            "'prompt' may hold at most {} prompts, got {}",
            CompletionRequest::kMaxPrompts,
            prompt.size()),
        "prompt");
  }
  std::vector<Prompt> prompts;
  for (const Json& one : prompt) {
    prompts.push_back(read_prompt(one, fmt::format("prompt[{}]", prompts.size())));
  }
  return prompts;
}

// A count of likeliest tokens as OpenAI writes it, or true or false as mlx-lm does.
void read_logprobs(const JsonReader& body, GenerationOptions& options) {
  if (body.has("logprobs") && body.value("logprobs").is_boolean()) {
    options.logprobs = *body.optional_bool("logprobs");
    return;
  }
  const auto top = body.optional_int("logprobs", 0, GenerationOptions::kMaxTopLogprobs);
  options.logprobs = top.has_value();
  options.sampling.top_logprobs = static_cast<int>(top.value_or(0));
}

// Every prompt gives so many choices, and all of them wait for the engine.
void check_choices(const CompletionRequest& request) {
  const std::size_t choices =
      request.prompts.size() * static_cast<std::size_t>(request.options.best_of);
  if (choices > GenerationOptions::kMaxAnswers) {
    throw Error(
        ErrorCode::kInvalidArgument,
        fmt::format(
            "{} prompts with {} answers each are more than the {} that a request may have",
            request.prompts.size(),
            request.options.best_of,
            GenerationOptions::kMaxAnswers),
        "n");
  }
}

}  // namespace

CompletionRequest CompletionRequest::from_json(const Json& body) {
  const JsonReader reader(body);
  CompletionRequest request;
  request.options = GenerationOptions::from_json(reader);
  read_logprobs(reader, request.options);
  if (reader.optional_bool("echo").value_or(false)) {
    refuse_unsupported("echo", "leave it out or send false");
  }
  if (!reader.optional_string("suffix").value_or("").empty()) {
    refuse_unsupported("suffix", "leave it out");
  }
  request.prompts = read_prompts(reader.value("prompt"));
  check_choices(request);
  return request;
}

}  // namespace hub::api

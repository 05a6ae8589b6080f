#include "api/openai/completion_request.h"

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
  request.options = GenerationOptions::from_json(reader, true);
  read_logprobs(reader, request.options);
  refuse_if_asked(reader, "tools", "/v1/chat/completions takes them");
  refuse_if_asked(reader, "functions", "leave it out");
  if (!reader.optional_string("suffix").value_or("").empty()) {
    refuse_unsupported("suffix", "leave it out");
  }
  request.prompts = read_prompts(reader.value("prompt"), "prompt", CompletionRequest::kMaxPrompts);
  check_choices(request);
  return request;
}

}  // namespace hub::api

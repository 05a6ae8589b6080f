#include "core/engine/request_check.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "core/base/error.h"

namespace hub::engine {

using base::Error;
using base::ErrorCode;
using model_config::ModelConfig;

namespace {

// `field`: what the tokens are called.
void check_tokens(
    const std::vector<int>& tokens, const ModelConfig& config, const std::string& field) {
  if (tokens.empty()) {
    throw Error(
        ErrorCode::kInvalidArgument,
        fmt::format("{}: at least one token was wanted, got none", field),
        field);
  }
  for (const int token : tokens) {
    if (token < 0 || token >= config.vocab_size) {
      throw Error(
          ErrorCode::kInvalidArgument,
          fmt::format(
              "{}: token ids from 0 to {} were wanted, got {}",
              field,
              config.vocab_size - 1,
              token),
          field);
    }
  }
}

// `most`: tokens that the budget holds.
void check_memory(std::int64_t length, int most, const RequestLimits& limits) {
  if (length >= most) {
    throw Error(
        ErrorCode::kInsufficientMemory,
        fmt::format(
            "the cache of a prompt of {} tokens would not fit: its budget of {} bytes holds {} "
            "tokens",
            length,
            limits.kv_budget_bytes,
            most));
  }
}

}  // namespace

void check_request(
    const GenerateRequest& request, const ModelConfig& config, const RequestLimits& limits) {
  if (config.encoder) {
    throw Error(
        ErrorCode::kInvalidArgument,
        "this model makes embeddings, it cannot chat or continue a text",
        "model",
        "model_makes_embeddings_only");
  }
  check_tokens(request.prompt, config, "prompt");
  if (request.max_tokens < 0) {
    throw Error(
        ErrorCode::kInvalidArgument,
        fmt::format("max_tokens: at least 0 was wanted, got {}", request.max_tokens),
        "max_tokens");
  }
  const auto length = static_cast<std::int64_t>(request.prompt.size());
  if (length >= config.max_position_embeddings) {
    throw Error(
        ErrorCode::kInvalidArgument,
        fmt::format(
            "This model's maximum context length is {} tokens, and the prompt alone has {}",
            config.max_position_embeddings,
            length),
        {},
        "context_length_exceeded");
  }
  check_memory(length, limits.tokens_by_memory, limits);
}

int context_length(const ModelConfig& config, const RequestLimits& limits) {
  return static_cast<int>(
      std::min<std::int64_t>(config.max_position_embeddings, limits.tokens_by_memory));
}

int max_length(
    const GenerateRequest& request, const ModelConfig& config, const RequestLimits& limits) {
  const auto wanted = static_cast<std::int64_t>(request.prompt.size()) + request.max_tokens;
  const bool goes_beyond = limits.rolls && request.max_tokens != kToTheContextsEnd;
  const int most = goes_beyond ? limits.tokens_by_memory : context_length(config, limits);
  return static_cast<int>(std::min<std::int64_t>(wanted, most));
}

void check_request(
    const EmbedRequest& request, const ModelConfig& config, const RequestLimits& limits) {
  if (request.inputs.empty()) {
    throw Error(ErrorCode::kInvalidArgument, "input: at least one text was wanted", "input");
  }
  if (request.dimensions && (*request.dimensions < 1 || *request.dimensions > config.hidden_size)) {
    throw Error(
        ErrorCode::kInvalidArgument,
        fmt::format(
            "'dimensions' must be from 1 to {}, which is what this model's embeddings have, got {}",
            config.hidden_size,
            *request.dimensions),
        "dimensions");
  }
  for (std::size_t i = 0; i < request.inputs.size(); ++i) {
    const std::string field = fmt::format("input[{}]", i);
    check_tokens(request.inputs[i], config, field);
    const auto length = static_cast<std::int64_t>(request.inputs[i].size());
    if (length > config.max_position_embeddings) {
      throw Error(
          ErrorCode::kInvalidArgument,
          fmt::format(
              "This model's maximum input length is {} tokens, and {} has {}",
              config.max_position_embeddings,
              field,
              length),
          field,
          "context_length_exceeded");
    }
    check_memory(length, limits.text_tokens_by_memory, limits);
  }
}

}  // namespace hub::engine

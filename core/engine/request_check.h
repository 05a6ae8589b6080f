#pragma once

#include <cstdint>

#include "core/engine/embedding.h"
#include "core/engine/generation.h"
#include "core/model_config/model_config.h"

namespace hub::engine {

// What bounds a request to one model.
struct RequestLimits {
  int tokens_by_memory = 0;       // whose keys and values the caches' budget holds
  int text_tokens_by_memory = 0;  // of a text to embed, which is always read with a cache of floats
  std::uint64_t kv_budget_bytes = 0;
  bool rolls = false;  // what a sequence keeps has a bound: answers may go beyond the context
};

// Throws as Engine::submit() does for a request that can never work.
void check_request(
    const GenerateRequest& request,
    const model_config::ModelConfig& config,
    const RequestLimits& limits);

// Tokens of prompt and answer together at most.
int context_length(const model_config::ModelConfig& config, const RequestLimits& limits);

// Tokens, the prompt's among them, at which its answer ends for want of room.
int max_length(
    const GenerateRequest& request,
    const model_config::ModelConfig& config,
    const RequestLimits& limits);

// Throws as Engine::embed() does.
void check_request(
    const EmbedRequest& request,
    const model_config::ModelConfig& config,
    const RequestLimits& limits);

}  // namespace hub::engine

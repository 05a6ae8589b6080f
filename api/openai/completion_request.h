#pragma once

#include <cstddef>
#include <vector>

#include "api/openai/generation_options.h"
#include "api/openai/prompts.h"
#include "core/base/json.h"

namespace hub::api {

// The body of POST /v1/completions as a complete, valid value.
struct CompletionRequest {
  static constexpr std::size_t kMaxPrompts = 64;

  GenerationOptions options;
  std::vector<Prompt> prompts;  // 1 … kMaxPrompts; each gives the choice of its index

  // Throws kInvalidArgument naming the field's path, what was wanted and what came.
  static CompletionRequest from_json(const base::Json& body);
};

}  // namespace hub::api

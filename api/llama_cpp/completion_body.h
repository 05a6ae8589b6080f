#pragma once

#include <span>
#include <string>

#include "api/openai/completion_request.h"
#include "api/openai/field_names.h"
#include "core/base/json.h"

namespace hub::api {

// The body of llama.cpp's POST /completion
// (https://github.com/ggml-org/llama.cpp/tree/master/tools/server) as a complete, valid value.
struct LlamaCompletion {
  CompletionRequest completion;  // one prompt
  bool return_tokens = false;
  bool tells_probabilities = false;  // n_probs > 0

  // Fields that it does not know are ignored. Throws kInvalidArgument naming the field's path as
  // the client sent it (`unsupported_parameter` for what would change the answer and is not
  // supported: several prompts, mirostat, a dynamic temperature, adapters, images).
  static LlamaCompletion from_json(const base::Json& body);

  // What fields of `completion` are called here, for errors about them.
  static std::span<const FieldName> field_names();
};

}  // namespace hub::api

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "api/openai/prompts.h"
#include "core/base/json.h"
#include "core/engine/embedding.h"

namespace hub::api {

// The body of POST /v1/embeddings as a complete, valid value.
struct EmbeddingRequest {
  static constexpr std::size_t kMaxInputs = 2048;  // as OpenAI's

  enum class Encoding : std::uint8_t {
    kFloat,   // a list of numbers
    kBase64,  // of the little-endian float32 values
  };

  std::string model;           // "" when absent
  std::vector<Prompt> inputs;  // 1 … kMaxInputs, none empty
  Encoding encoding = Encoding::kFloat;
  std::optional<int> dimensions;  // >= 1
  // Ours beside OpenAI's: `pooling` ("mean", "last", "cls"; absent: what suits the model) and
  // `normalize`.
  std::optional<engine::Pooling> pooling;
  bool normalize = true;
  std::optional<double> keep_alive_seconds{};  // read_keep_alive()
  bool truncates = false;                      // a text beyond the context is cut, not refused

  // Unknown fields are ignored. Throws kInvalidArgument naming the field's path, what was wanted
  // and what came.
  static EmbeddingRequest from_json(const base::Json& body);
};

}  // namespace hub::api

#pragma once

#include <string>
#include <vector>

#include "api/openai/embedding_request.h"

namespace hub::api {

// The answer of POST /v1/embeddings: {"object":"list","data":[{"object":"embedding","index",
// "embedding"}],"model","usage":{"prompt_tokens","total_tokens"}}. Floats are written with as many
// digits as give the same float back.
std::string embedding_answer(
    const std::vector<std::vector<float>>& vectors,
    EmbeddingRequest::Encoding encoding,
    const std::string& model,
    std::int64_t prompt_tokens);

// Appends a JSON array of numbers with as many digits as give the same float back.
void append_numbers(std::string& text, const std::vector<float>& vector);

}  // namespace hub::api

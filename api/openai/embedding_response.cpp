#include "api/openai/embedding_response.h"

#include <bit>
#include <iterator>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/base/encoding.h"

namespace hub::api {

namespace {

void append_base64(std::string& text, const std::vector<float>& vector) {
  std::string bytes;
  bytes.reserve(4 * vector.size());
  for (const float value : vector) {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    for (unsigned shift = 0; shift < 32; shift += 8) {
      bytes += static_cast<char>(bits >> shift & 0xFFU);
    }
  }
  text += '"' + base::base64(bytes) + '"';
}

}  // namespace

// JSON's own numbers are doubles, which would write 0.1F as 0.10000000149011612.
void append_numbers(std::string& text, const std::vector<float>& vector) {
  text += '[';
  for (std::size_t i = 0; i < vector.size(); ++i) {
    fmt::format_to(std::back_inserter(text), "{}{}", i == 0 ? "" : ",", vector[i]);
  }
  text += ']';
}

std::string embedding_answer(
    const std::vector<std::vector<float>>& vectors,
    EmbeddingRequest::Encoding encoding,
    const std::string& model,
    std::int64_t prompt_tokens) {
  std::string text = R"({"object":"list","data":[)";
  for (std::size_t i = 0; i < vectors.size(); ++i) {
    fmt::format_to(
        std::back_inserter(text),
        R"({}{{"object":"embedding","index":{},"embedding":)",
        i == 0 ? "" : ",",
        i);
    if (encoding == EmbeddingRequest::Encoding::kFloat) {
      append_numbers(text, vectors[i]);
    } else {
      append_base64(text, vectors[i]);
    }
    text += '}';
  }
  fmt::format_to(
      std::back_inserter(text),
      R"(],"model":{},"usage":{{"prompt_tokens":{},"total_tokens":{}}}}})",
      base::Json(model).dump(),
      prompt_tokens,
      prompt_tokens);
  return text;
}

}  // namespace hub::api

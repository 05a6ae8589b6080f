#include "api/openai/completion_response.h"

#include <nlohmann/json.hpp>

namespace hub::api {

using base::Json;

Json CompletionFormat::whole_choice(int index, const AnswerChoice& choice) const {
  return chunk_choice(index, choice.text, choice.finish_reason);
}

Json CompletionFormat::chunk_choice(
    int index, std::string_view text, std::string_view finish_reason) const {
  return {
      {"index", index},
      {"text", text},
      {"logprobs", nullptr},
      {"finish_reason", finish_reason.empty() ? Json(nullptr) : Json(finish_reason)}};
}

}  // namespace hub::api

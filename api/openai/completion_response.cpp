#include "api/openai/completion_response.h"

#include <nlohmann/json.hpp>

#include "api/openai/answer_logprobs.h"

namespace hub::api {

using base::Json;

Json CompletionFormat::whole_choice(int index, const AnswerChoice& choice) const {
  return chunk_choice(
      index, {.text = choice.text, .finish_reason = choice.finish_reason, .tokens = choice.tokens});
}

Json CompletionFormat::chunk_choice(int index, const AnswerPiece& piece) const {
  return {
      {"index", index},
      {"text", piece.text},
      {"logprobs",
       tells_logprobs() ? completion_logprobs(piece.tokens, piece.offset) : Json(nullptr)},
      {"finish_reason", piece.finish_reason.empty() ? Json(nullptr) : Json(piece.finish_reason)}};
}

}  // namespace hub::api

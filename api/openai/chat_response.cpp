#include "api/openai/chat_response.h"

#include <nlohmann/json.hpp>

#include "api/openai/answer_logprobs.h"

namespace hub::api {

using base::Json;

namespace {

Json choice_of(int index, Json delta, Json logprobs, std::string_view finish_reason) {
  return {
      {"index", index},
      {"delta", std::move(delta)},
      {"logprobs", std::move(logprobs)},
      {"finish_reason", finish_reason.empty() ? Json(nullptr) : Json(finish_reason)}};
}

}  // namespace

std::string ChatFormat::opening_chunk(int index) const {
  return chunk(choice_of(index, {{"role", "assistant"}, {"content", ""}}, nullptr, {}));
}

Json ChatFormat::whole_choice(int index, const AnswerChoice& choice) const {
  return {
      {"index", index},
      {"message", {{"role", "assistant"}, {"content", choice.text}, {"refusal", nullptr}}},
      {"logprobs", tells_logprobs() ? chat_logprobs(choice.tokens) : Json(nullptr)},
      {"finish_reason", choice.finish_reason}};
}

Json ChatFormat::chunk_choice(int index, const AnswerPiece& piece) const {
  Json delta = Json::object();
  if (!piece.text.empty()) {
    delta["content"] = piece.text;
  }
  return choice_of(
      index,
      std::move(delta),
      piece.tokens.empty() ? Json(nullptr) : chat_logprobs(piece.tokens),
      piece.finish_reason);
}

}  // namespace hub::api

#include "api/openai/chat_response.h"

#include <nlohmann/json.hpp>

namespace hub::api {

using base::Json;

namespace {

Json choice_of(int index, Json delta, std::string_view finish_reason) {
  return {
      {"index", index},
      {"delta", std::move(delta)},
      {"logprobs", nullptr},
      {"finish_reason", finish_reason.empty() ? Json(nullptr) : Json(finish_reason)}};
}

}  // namespace

std::string ChatFormat::opening_chunk(int index) const {
  return chunk(choice_of(index, {{"role", "assistant"}, {"content", ""}}, {}));
}

Json ChatFormat::whole_choice(int index, const AnswerChoice& choice) const {
  return {
      {"index", index},
      {"message", {{"role", "assistant"}, {"content", choice.text}, {"refusal", nullptr}}},
      {"logprobs", nullptr},
      {"finish_reason", choice.finish_reason}};
}

Json ChatFormat::chunk_choice(
    int index, std::string_view text, std::string_view finish_reason) const {
  Json delta = Json::object();
  if (!text.empty()) {
    delta["content"] = text;
  }
  return choice_of(index, std::move(delta), finish_reason);
}

}  // namespace hub::api

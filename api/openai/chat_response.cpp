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

Json call_json(const chat::ToolCall& call) {
  return {
      {"id", call.id},
      {"type", "function"},
      {"function", {{"name", call.name}, {"arguments", call.arguments}}}};
}

Json delta_of(const AnswerPiece& piece) {
  if (piece.text.empty() && piece.kind != chat::ChatPiece::Kind::kCallBegins) {
    return Json::object();
  }
  switch (piece.kind) {
    case chat::ChatPiece::Kind::kReasoning:
      return {{"reasoning_content", piece.text}};
    case chat::ChatPiece::Kind::kCallBegins: {
      Json call = call_json(
          {.id = std::string(piece.call_id),
           .name = std::string(piece.call_name),
           .arguments = {}});
      Json indexed = {{"index", piece.call}};
      indexed.update(call);
      return {{"tool_calls", Json::array({std::move(indexed)})}};
    }
    case chat::ChatPiece::Kind::kArguments:
      return {
          {"tool_calls",
           Json::array({{{"index", piece.call}, {"function", {{"arguments", piece.text}}}}})}};
    case chat::ChatPiece::Kind::kText:
    case chat::ChatPiece::Kind::kCallEnds:
      break;
  }
  return {{"content", piece.text}};
}

}  // namespace

std::string ChatFormat::opening_chunk(int index) const {
  return chunk(choice_of(index, {{"role", "assistant"}, {"content", ""}}, nullptr, {}));
}

Json ChatFormat::whole_choice(int index, const AnswerChoice& choice) const {
  Json message = {{"role", "assistant"}, {"content", choice.text}, {"refusal", nullptr}};
  if (!choice.reasoning.empty()) {
    message["reasoning_content"] = choice.reasoning;
  }
  if (!choice.calls.empty()) {
    if (choice.text.empty()) {
      message["content"] = nullptr;
    }
    for (const chat::ToolCall& call : choice.calls) {
      message["tool_calls"].push_back(call_json(call));
    }
  }
  return {
      {"index", index},
      {"message", std::move(message)},
      {"logprobs", tells_logprobs() ? chat_logprobs(choice.tokens) : Json(nullptr)},
      {"finish_reason", choice.finish_reason}};
}

Json ChatFormat::chunk_choice(int index, const AnswerPiece& piece) const {
  if (piece.kind == chat::ChatPiece::Kind::kCallEnds && piece.tokens.empty()) {
    return nullptr;
  }
  return choice_of(
      index,
      delta_of(piece),
      piece.tokens.empty() ? Json(nullptr) : chat_logprobs(piece.tokens),
      piece.finish_reason);
}

}  // namespace hub::api

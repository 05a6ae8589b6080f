#include "api/openai/answer_format.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "api/server/http_error.h"
#include "api/server/sse.h"
#include "core/base/ids.h"

namespace hub::api {

using base::Json;

namespace {

std::string text_of(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json usage_json(const AnswerUsage& usage) {
  return {
      {"prompt_tokens", usage.prompt_tokens},
      {"completion_tokens", usage.completion_tokens},
      {"total_tokens", usage.prompt_tokens + usage.completion_tokens},
      {"prompt_tokens_details", {{"cached_tokens", usage.cached_tokens}}},
      {"completion_tokens_details",
       {{"reasoning_tokens", usage.reasoning_tokens},
        {"accepted_prediction_tokens", usage.accepted_tokens},
        {"rejected_prediction_tokens", usage.drafted_tokens - usage.accepted_tokens}}}};
}

std::string event_of(std::string_view data) {
  return sse_event({.data = data, .event = {}, .id = {}, .retry_ms = {}});
}

}  // namespace

std::string new_answer_id(std::string_view prefix) {
  std::string id = base::new_id();
  std::erase(id, '-');
  return std::string(prefix) + id;
}

std::string WireFormat::keep_alive() {
  return sse_comment("keep-alive");
}

std::string AnswerFormat::opening(int index) {
  const std::string chunk = opening_chunk(index);
  return chunk.empty() ? "" : event_of(chunk);
}

std::string AnswerFormat::piece(int index, const AnswerPiece& piece) {
  const std::string chunk = piece_chunk(index, piece);
  return chunk.empty() ? "" : event_of(chunk);
}

std::string AnswerFormat::ending(const AnswerUsage& usage) {
  return (head_.include_usage ? event_of(usage_chunk(usage)) : "") + event_of(kDone);
}

std::string AnswerFormat::failure(const base::Error& error) {
  return event_of(error_body(error));
}

Json AnswerFormat::envelope(std::string_view object) const {
  return {
      {"id", head_.id},
      {"object", object},
      {"created", head_.created_s},
      {"model", head_.model},
      {"system_fingerprint", "mlx-hub-" HUB_VERSION}};
}

std::string AnswerFormat::chunk(const Json& choice) const {
  Json body = envelope(chunk_object());
  body["choices"] = Json::array({choice});
  if (head_.include_usage) {
    body["usage"] = nullptr;
  }
  return text_of(body);
}

std::string AnswerFormat::whole(
    const std::vector<AnswerChoice>& choices, const AnswerUsage& usage) const {
  Json body = envelope(whole_object());
  body["choices"] = Json::array();
  for (std::size_t i = 0; i < choices.size(); ++i) {
    body["choices"].push_back(whole_choice(static_cast<int>(i), choices[i]));
  }
  body["usage"] = usage_json(usage);
  return text_of(body);
}

std::string AnswerFormat::piece_chunk(int index, const AnswerPiece& piece) const {
  const Json choice = chunk_choice(index, piece);
  return choice.is_null() ? std::string() : chunk(choice);
}

std::string AnswerFormat::usage_chunk(const AnswerUsage& usage) const {
  Json body = envelope(chunk_object());
  body["choices"] = Json::array();
  body["usage"] = usage_json(usage);
  return text_of(body);
}

}  // namespace hub::api

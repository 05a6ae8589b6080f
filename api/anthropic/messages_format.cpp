#include "api/anthropic/messages_format.h"

#include <utility>

#include <nlohmann/json.hpp>

#include "api/anthropic/error_form.h"
#include "api/server/http_error.h"
#include "api/server/sse.h"

namespace hub::api {

using base::Json;

namespace {

std::string text_of(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// Its "type" is the event's name, too.
std::string event_of(const Json& data) {
  const std::string name = data.at("type");
  return sse_event({.data = text_of(data), .event = name, .id = {}, .retry_ms = {}});
}

Json stop_reason(std::string_view finish_reason, std::string_view stop) {
  if (finish_reason == "length") {
    return "max_tokens";
  }
  if (finish_reason == "tool_calls") {
    return "tool_use";
  }
  return stop.empty() ? "end_turn" : "stop_sequence";
}

Json or_null(std::string_view text) {
  return text.empty() ? Json(nullptr) : Json(text);
}

Json usage_json(const AnswerUsage& usage) {
  return {
      {"input_tokens", usage.prompt_tokens - usage.cached_tokens},
      {"cache_creation_input_tokens", 0},
      {"cache_read_input_tokens", usage.cached_tokens},
      {"output_tokens", usage.completion_tokens}};
}

}  // namespace

MessagesFormat::MessagesFormat(AnswerHead head, int prompt_tokens, std::string request_id)
    : head_(std::move(head)), prompt_tokens_(prompt_tokens), request_id_(std::move(request_id)) {}

Json MessagesFormat::envelope() const {
  return {
      {"id", head_.id},
      {"type", "message"},
      {"role", "assistant"},
      {"model", head_.model},
      {"content", Json::array()},
      {"stop_reason", nullptr},
      {"stop_sequence", nullptr}};
}

std::string MessagesFormat::whole(
    const std::vector<AnswerChoice>& choices, const AnswerUsage& usage) const {
  const AnswerChoice& choice = choices.at(0);
  Json message = envelope();
  if (!choice.text.empty()) {
    message["content"].push_back({{"type", "text"}, {"text", choice.text}});
  }
  message["stop_reason"] = stop_reason(choice.finish_reason, choice.stop);
  message["stop_sequence"] = or_null(choice.stop);
  message["usage"] = usage_json(usage);
  return text_of(message);
}

std::string MessagesFormat::opening(int /*index*/) {
  Json message = envelope();
  message["usage"] = usage_json({.prompt_tokens = prompt_tokens_});
  return event_of({{"type", "message_start"}, {"message", std::move(message)}}) + keep_alive();
}

std::string MessagesFormat::piece(int /*index*/, const AnswerPiece& piece) {
  std::string events;
  if (!piece.text.empty()) {
    if (!block_open_) {
      block_open_ = true;
      events += event_of(
          {{"type", "content_block_start"},
           {"index", ++block_},
           {"content_block", {{"type", "text"}, {"text", ""}}}});
    }
    events += event_of(
        {{"type", "content_block_delta"},
         {"index", block_},
         {"delta", {{"type", "text_delta"}, {"text", piece.text}}}});
  }
  if (!piece.finish_reason.empty()) {
    finish_reason_ = piece.finish_reason;
    stop_ = piece.stop;
    events += close_block();
  }
  return events;
}

std::string MessagesFormat::close_block() {
  if (!std::exchange(block_open_, false)) {
    return {};
  }
  return event_of({{"type", "content_block_stop"}, {"index", block_}});
}

std::string MessagesFormat::ending(const AnswerUsage& usage) {
  return event_of(
             {{"type", "message_delta"},
              {"delta",
               {{"stop_reason", stop_reason(finish_reason_, stop_)},
                {"stop_sequence", or_null(stop_)}}},
              {"usage", usage_json(usage)}}) +
         event_of({{"type", "message_stop"}});
}

std::string MessagesFormat::failure(const base::Error& error) {
  const std::string body =
      anthropic_error(status_of(error.code()), error.what(), error.reason(), request_id_);
  return sse_event({.data = body, .event = "error", .id = {}, .retry_ms = {}});
}

std::string MessagesFormat::keep_alive() {
  return event_of({{"type", "ping"}});
}

}  // namespace hub::api

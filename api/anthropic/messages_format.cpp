#include "api/anthropic/messages_format.h"

#include <utility>

#include <nlohmann/json.hpp>

#include "api/anthropic/error_form.h"
#include "api/server/http_error.h"
#include "api/server/sse.h"
#include "core/base/lenient_json.h"

namespace hub::api {

using base::Json;
using Kind = chat::ChatPiece::Kind;

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

Json text_block(std::string_view text) {
  return {{"type", "text"}, {"text", text}};
}

// Nobody signs what a model thinks here.
Json thinking_block(std::string_view thinking) {
  return {{"type", "thinking"}, {"thinking", thinking}, {"signature", ""}};
}

Json tool_use(std::string_view id, std::string_view name, Json input) {
  return {{"type", "tool_use"}, {"id", id}, {"name", name}, {"input", std::move(input)}};
}

// An object, also of a call that was cut off.
Json arguments_of(const std::string& text) {
  auto arguments = base::parse_json_if_valid(text);
  return arguments && arguments->is_object() ? *std::move(arguments) : Json::object();
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
  Json& content = message["content"];
  if (!choice.reasoning.empty()) {
    content.push_back(thinking_block(choice.reasoning));
  }
  if (!choice.text.empty()) {
    content.push_back(text_block(choice.text));
  }
  for (const chat::ToolCall& call : choice.calls) {
    content.push_back(tool_use(call.id, call.name, arguments_of(call.arguments)));
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

std::string MessagesFormat::open_block(Kind kind, Json block) {
  std::string events = close_block();
  open_ = kind;
  return events + event_of(
                      {{"type", "content_block_start"},
                       {"index", ++block_},
                       {"content_block", std::move(block)}});
}

std::string MessagesFormat::delta(const Json& delta) const {
  return event_of({{"type", "content_block_delta"}, {"index", block_}, {"delta", delta}});
}

std::string MessagesFormat::close_block() {
  if (!std::exchange(open_, std::nullopt)) {
    return {};
  }
  return event_of({{"type", "content_block_stop"}, {"index", block_}});
}

std::string MessagesFormat::piece(int /*index*/, const AnswerPiece& piece) {
  std::string events;
  if (piece.kind == Kind::kCallBegins) {
    events = open_block(Kind::kArguments, tool_use(piece.call_id, piece.call_name, Json::object()));
  } else if (piece.kind == Kind::kCallEnds) {
    events = close_block();
  } else if (!piece.text.empty()) {
    const bool is_text = piece.kind == Kind::kText;
    if (open_ != piece.kind) {
      events = open_block(piece.kind, is_text ? text_block("") : thinking_block(""));
    }
    if (piece.kind == Kind::kArguments) {
      events += delta({{"type", "input_json_delta"}, {"partial_json", piece.text}});
    } else if (is_text) {
      events += delta({{"type", "text_delta"}, {"text", piece.text}});
    } else {
      events += delta({{"type", "thinking_delta"}, {"thinking", piece.text}});
    }
  }
  if (!piece.finish_reason.empty()) {
    finish_reason_ = piece.finish_reason;
    stop_ = piece.stop;
    events += close_block();
  }
  return events;
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

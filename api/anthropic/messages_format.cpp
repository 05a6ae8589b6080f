#include "api/anthropic/messages_format.h"

#include <utility>

#include <nlohmann/json.hpp>

#include "api/anthropic/error_form.h"
#include "api/server/http_error.h"
#include "api/server/sse.h"
#include "core/chat/tool.h"

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

// `uses_tools`: a call was told that can be made.
Json stop_reason(std::string_view finish_reason, std::string_view stop, bool uses_tools) {
  if (finish_reason == "length") {
    return "max_tokens";
  }
  if (finish_reason == "tool_calls" && uses_tools) {
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
  bool uses_tools = false;
  for (const chat::ToolCall& call : choice.calls) {
    auto arguments = chat::arguments_of(call);
    uses_tools = uses_tools || arguments.has_value();
    content.push_back(
        arguments ? tool_use(call.id, call.name, *std::move(arguments))
                  : text_block(chat::shown_as_text(call)));
  }
  message["stop_reason"] = stop_reason(choice.finish_reason, choice.stop, uses_tools);
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
  if (!open_) {
    return {};
  }
  uses_tools_ = uses_tools_ || (open_ == Kind::kArguments && chat::arguments_of(call_));
  open_.reset();
  return event_of({{"type", "content_block_stop"}, {"index", block_}});
}

std::string MessagesFormat::piece(int /*index*/, const AnswerPiece& piece) {
  std::string events;
  if (piece.kind == Kind::kCallBegins) {
    events = close_block();
    call_ = {};
    events +=
        open_block(Kind::kArguments, tool_use(piece.call_id, piece.call_name, Json::object()));
  } else if (piece.kind == Kind::kCallEnds) {
    events = close_block();
  } else if (!piece.text.empty()) {
    const bool is_text = piece.kind == Kind::kText;
    if (open_ != piece.kind) {
      events = open_block(piece.kind, is_text ? text_block("") : thinking_block(""));
    }
    if (piece.kind == Kind::kArguments) {
      call_.arguments += piece.text;
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
               {{"stop_reason", stop_reason(finish_reason_, stop_, uses_tools_)},
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

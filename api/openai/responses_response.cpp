#include "api/openai/responses_response.h"

#include <utility>

#include <nlohmann/json.hpp>

#include "api/openai/answer_logprobs.h"
#include "api/server/sse.h"

namespace hub::api {

using base::Json;
using Kind = chat::ChatPiece::Kind;

namespace {

std::string text_of(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json usage_json(const AnswerUsage& usage) {
  return {
      {"input_tokens", usage.prompt_tokens},
      {"input_tokens_details", {{"cached_tokens", usage.cached_tokens}}},
      {"output_tokens", usage.completion_tokens},
      {"output_tokens_details", {{"reasoning_tokens", usage.reasoning_tokens}}},
      {"total_tokens", usage.prompt_tokens + usage.completion_tokens}};
}

bool is_cut_off(std::string_view finish_reason) {
  return finish_reason == "length";
}

std::string_view status_of(std::string_view finish_reason) {
  return is_cut_off(finish_reason) ? "incomplete" : "completed";
}

Json logprobs_json(std::vector<AnswerToken> tokens) {
  std::erase_if(tokens, [](const AnswerToken& token) { return !token.is_text; });
  return tokens.empty() ? Json::array() : chat_logprobs(tokens).at("content");
}

Json text_part(std::string_view text, Json logprobs) {
  return {
      {"type", "output_text"},
      {"text", text},
      {"annotations", Json::array()},
      {"logprobs", std::move(logprobs)}};
}

Json reasoning_part(std::string_view text) {
  return {{"type", "reasoning_text"}, {"text", text}};
}

Json message_item(const std::string& id, std::string_view status, Json content) {
  return {
      {"id", id},
      {"type", "message"},
      {"status", status},
      {"role", "assistant"},
      {"content", std::move(content)}};
}

Json reasoning_item(const std::string& id, std::string_view status, Json content) {
  return {
      {"id", id},
      {"type", "reasoning"},
      {"status", status},
      {"summary", Json::array()},
      {"content", std::move(content)}};
}

Json call_item(const std::string& id, std::string_view status, const chat::ToolCall& call) {
  return {
      {"id", id},
      {"type", "function_call"},
      {"status", status},
      {"call_id", call.id},
      {"name", call.name},
      {"arguments", call.arguments}};
}

}  // namespace

// Its events' kinds and forms follow from what it is.
class ResponsesFormat::Item {
 public:
  explicit Item(Kind kind, chat::ToolCall call = {})
      : kind_(kind), call_(std::move(call)), id_(new_answer_id(prefix())) {}

  [[nodiscard]] const std::string& id() const { return id_; }
  [[nodiscard]] Kind kind() const { return kind_; }
  [[nodiscard]] bool is_call() const { return kind_ == Kind::kCallBegins; }

  void add(const AnswerPiece& piece) {
    (is_call() ? call_.arguments : text_) += piece.text;
    Json more = logprobs_json(piece.tokens);
    logprobs_.insert(logprobs_.end(), more.begin(), more.end());
  }

  // "": there is nothing in it yet, as it is added.
  [[nodiscard]] Json json(std::string_view status) const {
    const bool begins = status == "in_progress";
    switch (kind_) {
      case Kind::kReasoning:
        return reasoning_item(id_, status, begins ? Json::array() : Json::array({part()}));
      case Kind::kCallBegins:
      case Kind::kArguments:
      case Kind::kCallEnds:
        return call_item(id_, status, call_);
      case Kind::kText:
        break;
    }
    return message_item(id_, status, begins ? Json::array() : Json::array({part()}));
  }

  [[nodiscard]] Json part() const {
    return kind_ == Kind::kReasoning ? reasoning_part(text_) : text_part(text_, logprobs_);
  }
  // The members of "….done".
  [[nodiscard]] Json done() const {
    if (is_call()) {
      return {{"name", call_.name}, {"arguments", call_.arguments}};
    }
    Json members = {{"text", text_}};
    if (kind_ == Kind::kText) {
      members["logprobs"] = logprobs_;
    }
    return members;
  }
  // The type of its events, without ".delta" and ".done".
  [[nodiscard]] std::string event_type() const {
    return kind_ == Kind::kText        ? "response.output_text"
           : kind_ == Kind::kReasoning ? "response.reasoning_text"
                                       : "response.function_call_arguments";
  }

 private:
  [[nodiscard]] std::string_view prefix() const {
    return kind_ == Kind::kText ? "msg_" : kind_ == Kind::kReasoning ? "rs_" : "fc_";
  }

  Kind kind_;  // kText, kReasoning or kCallBegins
  chat::ToolCall call_;
  std::string id_;
  std::string text_{};
  Json logprobs_ = Json::array();
};

ResponsesFormat::ResponsesFormat(AnswerHead head, std::shared_ptr<const Json> repeated)
    : head_(std::move(head)),
      repeated_(std::move(repeated)),
      output_(std::make_unique<Json>(Json::array())) {}

ResponsesFormat::~ResponsesFormat() = default;

Json ResponsesFormat::response(
    std::string_view status, const Json& output, std::string_view finish_reason) const {
  Json result = {
      {"id", head_.id},
      {"object", "response"},
      {"created_at", head_.created_s},
      {"status", status},
      {"error", nullptr},
      {"incomplete_details",
       is_cut_off(finish_reason) ? Json{{"reason", "max_output_tokens"}} : Json(nullptr)},
      {"model", head_.model},
      {"output", output}};
  result.update(*repeated_);
  result["usage"] = nullptr;
  return result;
}

std::string ResponsesFormat::whole(
    const std::vector<AnswerChoice>& choices, const AnswerUsage& usage) const {
  const AnswerChoice& choice = choices.front();
  const std::string_view status = status_of(choice.finish_reason);
  Json output = Json::array();
  if (!choice.reasoning.empty()) {
    // It was whole if anything followed it.
    const bool ended = !choice.text.empty() || !choice.calls.empty();
    output.push_back(reasoning_item(
        new_answer_id("rs_"),
        ended ? "completed" : status,
        Json::array({reasoning_part(choice.reasoning)})));
  }
  if (!choice.text.empty() || (choice.calls.empty() && choice.reasoning.empty())) {
    output.push_back(message_item(
        new_answer_id("msg_"),
        choice.calls.empty() ? status : "completed",
        Json::array({text_part(choice.text, logprobs_json(choice.tokens))})));
  }
  for (const chat::ToolCall& call : choice.calls) {
    const bool is_last = &call == &choice.calls.back();
    output.push_back(call_item(new_answer_id("fc_"), is_last ? status : "completed", call));
  }
  Json result = response(status, output, choice.finish_reason);
  result["usage"] = usage_json(usage);
  return text_of(result);
}

std::string ResponsesFormat::event(std::string_view type, const Json& members) {
  Json data = {{"type", type}, {"sequence_number", sequence_number_++}};
  data.update(members);
  return sse_event({.data = text_of(data), .event = type, .id = {}, .retry_ms = {}});
}

std::string ResponsesFormat::item_event(std::string_view type, const Json& members) {
  Json all = {{"item_id", item_->id()}, {"output_index", output_->size()}};
  if (!item_->is_call()) {
    all["content_index"] = 0;
  }
  all.update(members);
  return event(type, all);
}

std::string ResponsesFormat::opening(int /*index*/) {
  const Json begun = {{"response", response("in_progress", Json::array(), {})}};
  std::string text = event("response.created", begun);
  return text + event("response.in_progress", begun);
}

std::string ResponsesFormat::open(Item item) {
  std::string text = close(true);
  item_ = std::make_unique<Item>(std::move(item));
  text += event(
      "response.output_item.added",
      {{"output_index", output_->size()}, {"item", item_->json("in_progress")}});
  if (!item_->is_call()) {
    text += item_event("response.content_part.added", {{"part", item_->part()}});
  }
  return text;
}

// `whole`: nothing more was to come of it.
std::string ResponsesFormat::close(bool whole) {
  if (item_ == nullptr) {
    return {};
  }
  std::string text = item_event(item_->event_type() + ".done", item_->done());
  if (!item_->is_call()) {
    text += item_event("response.content_part.done", {{"part", item_->part()}});
  }
  const Json item = item_->json(whole ? "completed" : "incomplete");
  text += event("response.output_item.done", {{"output_index", output_->size()}, {"item", item}});
  output_->push_back(item);
  item_.reset();
  return text;
}

std::string ResponsesFormat::piece(int /*index*/, const AnswerPiece& piece) {
  if (!piece.finish_reason.empty()) {
    finish_reason_ = piece.finish_reason;
    // An answer of nothing is an empty message.
    std::string text = item_ == nullptr && output_->empty() ? open(Item(Kind::kText)) : "";
    return text + close(!is_cut_off(finish_reason_));
  }
  if (piece.kind == Kind::kCallEnds) {
    return close(true);
  }
  std::string text;
  if (piece.kind == Kind::kCallBegins) {
    return open(Item(
        Kind::kCallBegins,
        {.id = std::string(piece.call_id), .name = std::string(piece.call_name), .arguments = {}}));
  }
  const bool says_nothing = piece.kind == Kind::kText && piece.text.empty();
  if (says_nothing && (item_ == nullptr || item_->kind() != Kind::kText)) {
    return {};  // tokens of what was left out, such as a mark of the model's thinking
  }
  if (piece.kind != Kind::kArguments && (item_ == nullptr || item_->kind() != piece.kind)) {
    text = open(Item(piece.kind));
  }
  if (item_ == nullptr) {
    return text;
  }
  item_->add(piece);
  Json members = {{"delta", piece.text}};
  if (item_->kind() == Kind::kText) {
    members["logprobs"] = logprobs_json(piece.tokens);
  }
  return text + item_event(item_->event_type() + ".delta", members);
}

std::string ResponsesFormat::ending(const AnswerUsage& usage) {
  const bool cut_off = is_cut_off(finish_reason_);
  Json whole = response(status_of(finish_reason_), *output_, finish_reason_);
  whole["usage"] = usage_json(usage);
  return event(cut_off ? kIncomplete : kCompleted, {{"response", std::move(whole)}});
}

std::string ResponsesFormat::failure(const base::Error& error) {
  std::string text = close(false);
  Json failed = response("failed", *output_, {});
  const bool is_ours = error.code() == base::ErrorCode::kInternal;
  failed["error"] = {
      {"code", is_ours || error.reason().empty() ? "server_error" : error.reason()},
      {"message", error.what()}};
  return text + event("response.failed", {{"response", std::move(failed)}});
}

}  // namespace hub::api

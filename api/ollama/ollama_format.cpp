#include "api/ollama/ollama_format.h"

#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "api/openai/answer_logprobs.h"
#include "api/openai/embedding_response.h"
#include "core/base/clock.h"
#include "core/chat/tool.h"

namespace hub::api {

using base::Json;
using Kind = chat::ChatPiece::Kind;

namespace {

std::string text_of(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::int64_t nanoseconds(double seconds) {
  return static_cast<std::int64_t>(seconds * 1e9);
}

Json begin_object(const std::string& model) {
  return {{"model", model}, {"created_at", base::rfc3339(base::SystemClock().now_ms())}};
}

void add_text(Json& object, OllamaFormat::Route route, std::string_view text) {
  if (route == OllamaFormat::Route::kChat) {
    object["message"] = {{"role", "assistant"}, {"content", text}};
  } else {
    object["response"] = text;
  }
}

}  // namespace

OllamaFormat::OllamaFormat(AnswerHead head, Route route) : head_(std::move(head)), route_(route) {}

Json OllamaFormat::object(
    const AnswerPiece& piece, const std::vector<chat::ToolCall>& calls) const {
  Json object = begin_object(head_.model);
  const bool thinks = piece.kind == Kind::kReasoning;
  add_text(object, route_, thinks ? std::string_view() : piece.text);
  Json& message = route_ == Route::kChat ? object["message"] : object;
  if (thinks) {
    message["thinking"] = piece.text;
  }
  std::string text = thinks ? "" : std::string(piece.text);
  for (const chat::ToolCall& call : calls) {
    auto arguments = chat::arguments_of(call);
    if (!arguments) {
      text += (text.empty() && !said_ ? "" : "\n") + chat::shown_as_text(call);
      message[route_ == Route::kChat ? "content" : "response"] = text;
    } else {
      message["tool_calls"].push_back(
          {{"function", {{"name", call.name}, {"arguments", *std::move(arguments)}}}});
    }
  }
  if (head_.logprobs && !piece.tokens.empty()) {
    object["logprobs"] = std::move(chat_logprobs(piece.tokens).at("content"));
  }
  object["done"] = false;
  return object;
}

void OllamaFormat::finish(
    Json& object, std::string_view finish_reason, const AnswerUsage& usage) const {
  object["done"] = true;
  object["done_reason"] = finish_reason == "length" ? "length" : "stop";
  object["total_duration"] = nanoseconds(head_.load_seconds + usage.seconds);
  object["load_duration"] = nanoseconds(head_.load_seconds);
  object["prompt_eval_count"] = usage.prompt_tokens;
  object["prompt_eval_duration"] = nanoseconds(usage.prefill_seconds);
  object["eval_count"] = usage.completion_tokens;
  object["eval_duration"] = nanoseconds(usage.decode_seconds);
}

std::string OllamaFormat::whole(
    const std::vector<AnswerChoice>& choices, const AnswerUsage& usage) const {
  const AnswerChoice& choice = choices.at(0);
  Json answer = object({.text = choice.text, .tokens = choice.tokens}, choice.calls);
  if (!choice.reasoning.empty()) {
    (route_ == Route::kChat ? answer["message"] : answer)["thinking"] = choice.reasoning;
  }
  finish(answer, choice.finish_reason, usage);
  return text_of(answer);
}

std::string OllamaFormat::opening(int /*index*/) {
  return {};
}

std::string OllamaFormat::piece(int /*index*/, const AnswerPiece& piece) {
  if (!piece.finish_reason.empty()) {
    finish_reason_ = piece.finish_reason;
    return call_ ? told_call() : std::string();  // one that was cut off
  }
  switch (piece.kind) {
    case Kind::kCallBegins:
      call_ = chat::ToolCall{.id = {}, .name = std::string(piece.call_name), .arguments = {}};
      return {};
    case Kind::kArguments:
      if (call_) {
        call_->arguments += piece.text;
      }
      return {};
    case Kind::kCallEnds:
      return call_ ? told_call() : std::string();
    case Kind::kText:
      said_ = said_ || !piece.text.empty();
      break;
    case Kind::kReasoning:
      break;
  }
  return text_of(object(piece, {})) + "\n";
}

std::string OllamaFormat::told_call() {
  const chat::ToolCall call = *std::exchange(call_, std::nullopt);
  std::string line = text_of(object({.text = {}}, {call})) + "\n";
  said_ = said_ || !chat::arguments_of(call);
  return line;
}

std::string OllamaFormat::ending(const AnswerUsage& usage) {
  Json last = object({.text = {}}, {});
  finish(last, finish_reason_, usage);
  return text_of(last) + "\n";
}

std::string OllamaFormat::failure(const base::Error& error) {
  return ollama_error(error.what()) + "\n";
}

std::string ollama_error(std::string_view message) {
  return text_of({{"error", message}});
}

std::string ollama_load_answer(
    OllamaFormat::Route route, const std::string& model, const std::string& reason) {
  Json object = begin_object(model);
  add_text(object, route, "");
  object["done"] = true;
  object["done_reason"] = reason;
  return text_of(object);
}

std::string ollama_embed_answer(const OllamaEmbedding& embedding) {
  std::string vectors;
  for (const std::vector<float>& vector : embedding.vectors) {
    vectors += vectors.empty() ? "" : ",";
    append_numbers(vectors, vector);
  }
  return fmt::format(
      R"({{"model":{},"embeddings":[{}],"total_duration":{},"load_duration":{},)"
      R"("prompt_eval_count":{}}})",
      text_of(embedding.model),
      vectors,
      nanoseconds(embedding.load_seconds + embedding.seconds),
      nanoseconds(embedding.load_seconds),
      embedding.prompt_tokens);
}

std::string ollama_embeddings_answer(const OllamaEmbedding& embedding) {
  std::string vector;
  append_numbers(vector, embedding.vectors.at(0));
  return fmt::format(R"({{"embedding":{}}})", vector);
}

}  // namespace hub::api

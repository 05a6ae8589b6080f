#include "api/llama_cpp/completion_format.h"

#include <algorithm>
#include <utility>

#include <nlohmann/json.hpp>

#include "api/openai/answer_logprobs.h"
#include "api/server/http_error.h"
#include "api/server/sse.h"

namespace hub::api {

using base::Json;

namespace {

std::string text_of(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string event_of(std::string_view data) {
  return sse_event({.data = data, .event = {}, .id = {}, .retry_ms = {}});
}

// "completion_probabilities": the chat route's, and the tokens' ids.
Json probabilities(const std::vector<AnswerToken>& tokens) {
  Json list = std::move(chat_logprobs(tokens).at("content"));
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    list[i]["id"] = tokens[i].id;
    for (std::size_t k = 0; k < tokens[i].top.size(); ++k) {
      list[i]["top_logprobs"][k]["id"] = tokens[i].top[k].id;
    }
  }
  return list;
}

std::string_view stop_type(std::string_view finish_reason, std::string_view stop) {
  if (finish_reason == "length") {
    return "limit";
  }
  return stop.empty() ? "eos" : "word";
}

void add_timings(Json& timings, const std::string& what, int count, double seconds) {
  const double ms = seconds * 1e3;
  timings[what + "_n"] = count;
  timings[what + "_ms"] = ms;
  timings[what + "_per_token_ms"] = ms / std::max(count, 1);
  timings[what + "_per_second"] = seconds > 0.0 ? count / seconds : 0.0;
}

}  // namespace

Json llama_timings(const AnswerUsage& usage) {
  Json timings = {{"cache_n", usage.cached_tokens}};
  add_timings(timings, "prompt", usage.prompt_tokens - usage.cached_tokens, usage.prefill_seconds);
  add_timings(timings, "predicted", usage.completion_tokens, usage.decode_seconds);
  return timings;
}

LlamaCompletionFormat::LlamaCompletionFormat(AnswerHead head, Details details)
    : head_(std::move(head)), details_(std::move(details)) {}

void LlamaCompletionFormat::add_tokens(Json& body, const std::vector<AnswerToken>& tokens) const {
  body["tokens"] = Json::array();
  if (details_.return_tokens) {
    for (const AnswerToken& token : tokens) {
      body["tokens"].push_back(token.id);
    }
  }
  if (details_.tells_probabilities) {
    body["completion_probabilities"] = probabilities(tokens);
  }
}

Json LlamaCompletionFormat::last(
    std::string_view finish_reason, std::string_view stop, const AnswerUsage& usage) const {
  return {
      {"stop", true},
      {"id_slot", -1},
      {"model", head_.model},
      {"tokens_predicted", usage.completion_tokens},
      {"tokens_evaluated", usage.prompt_tokens},
      {"tokens_cached", usage.cached_tokens},
      {"prompt", details_.prompt},
      {"has_new_line", has_new_line_},
      {"truncated", false},
      {"stop_type", stop_type(finish_reason, stop)},
      {"stopping_word", stop},
      {"timings", llama_timings(usage)}};
}

std::string LlamaCompletionFormat::whole(
    const std::vector<AnswerChoice>& choices, const AnswerUsage& usage) const {
  const AnswerChoice& choice = choices.at(0);
  Json body = {{"index", 0}, {"content", choice.text}};
  add_tokens(body, choice.tokens);
  body.update(last(choice.finish_reason, choice.stop, usage));
  body["has_new_line"] = choice.text.find('\n') != std::string::npos;
  return text_of(body);
}

std::string LlamaCompletionFormat::opening(int /*index*/) {
  return {};
}

std::string LlamaCompletionFormat::piece(int /*index*/, const AnswerPiece& piece) {
  if (!piece.finish_reason.empty()) {
    finish_reason_ = piece.finish_reason;
    stop_ = piece.stop;
    return {};
  }
  has_new_line_ = has_new_line_ || piece.text.find('\n') != std::string_view::npos;
  Json body = {{"index", 0}, {"content", piece.text}};
  add_tokens(body, piece.tokens);
  body["stop"] = false;
  body["id_slot"] = -1;
  body["tokens_evaluated"] = details_.prompt_tokens;
  return event_of(text_of(body));
}

std::string LlamaCompletionFormat::ending(const AnswerUsage& usage) {
  Json body = {{"index", 0}, {"content", ""}, {"tokens", Json::array()}};
  body.update(last(finish_reason_, stop_, usage));
  return event_of(text_of(body));
}

std::string LlamaCompletionFormat::failure(const base::Error& error) {
  return event_of(error_body(error));
}

}  // namespace hub::api

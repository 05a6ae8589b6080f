#include "api/worker/answer_reader.h"

#include <iterator>
#include <utility>

namespace hub::api {

using engine::FinishReason;
using engine::TextDelta;

AnswerReader::AnswerReader(engine::TextStream stream, std::optional<chat::AnswerShape> shape)
    : stream_(std::move(stream)) {
  if (shape) {
    parser_.emplace(*std::move(shape));
  }
}

AnswerDelta AnswerReader::take(TextDelta delta) {
  AnswerDelta result{
      .pieces = {},
      .tokens = std::move(delta.tokens),
      .finish = delta.finish,
      .stop = std::move(delta.stop),
      .error = std::move(delta.error)};
  if (!parser_) {
    if (!delta.text.empty()) {
      result.pieces.push_back({.text = std::move(delta.text)});
    }
    return result;
  }
  const bool thought = parser_->in_reasoning();
  result.pieces = parser_->push(delta.text);
  const int tokens = stream_.completion_tokens();
  if (thought || parser_->in_reasoning()) {
    reasoning_tokens_ += tokens - tokens_;
  }
  tokens_ = tokens;
  if (!result.finish && parser_->enough()) {
    stream_.end();
    result.finish = FinishReason::kStop;
  }
  if (result.finish) {
    std::ranges::move(parser_->finish(), std::back_inserter(result.pieces));
    // A call that a stop string cut off is none to be made.
    const bool cut_off = !stream_.stop().empty() && parser_->in_call();
    result.calls = *result.finish == FinishReason::kStop && parser_->has_calls() && !cut_off;
  }
  return result;
}

std::optional<AnswerDelta> AnswerReader::next() {
  auto delta = stream_.next();
  return delta ? std::optional(take(*std::move(delta))) : std::nullopt;
}

std::optional<AnswerDelta> AnswerReader::next_for(int timeout_ms, bool* timed_out) {
  auto delta = stream_.next_for(timeout_ms, timed_out);
  return delta ? std::optional(take(*std::move(delta))) : std::nullopt;
}

std::vector<int> shown_tokens(
    const text::Tokenizer& tokenizer, const std::optional<chat::AnswerShape>& shape) {
  std::vector<int> shown;
  if (shape) {
    for (const std::string_view mark : chat::marks_of(*shape)) {
      if (const auto id = tokenizer.token_to_id(mark)) {
        shown.push_back(*id);
      }
    }
  }
  return shown;
}

}  // namespace hub::api

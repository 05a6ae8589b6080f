#include "core/engine/text_stream.h"

#include <algorithm>
#include <utility>

namespace hub::engine {

TextStream::TextStream(
    TokenStream tokens,
    std::shared_ptr<const text::Tokenizer> tokenizer,
    std::vector<std::string> stops,
    std::vector<int> shown)
    : tokens_(std::move(tokens)),
      canceller_(tokens_->canceller()),
      tokenizer_(std::move(tokenizer)),
      shown_(std::move(shown)),
      detokenizer_(std::make_unique<text::Detokenizer>(tokenizer_)),
      stops_(std::move(stops)) {}

void TextStream::end() {
  tokens_.reset();
}

std::string TextStream::text_of(int token) {
  if (std::ranges::find(shown_, token) == shown_.end()) {
    return detokenizer_->push(token);
  }
  return detokenizer_->flush() + tokenizer_->id_to_token(token).value_or("");
}

std::optional<TextDelta> TextStream::next() {
  while (tokens_) {
    std::optional<TokenEvent> event = tokens_->next();
    if (!event) {
      tokens_.reset();
      break;
    }
    if (std::optional<TextDelta> delta = take(std::move(*event))) {
      return delta;
    }
  }
  return std::nullopt;
}

std::optional<TextDelta> TextStream::next_for(int timeout_ms, bool* timed_out) {
  *timed_out = false;
  while (tokens_) {
    std::optional<TokenEvent> event = tokens_->next_for(timeout_ms, timed_out);
    if (*timed_out) {
      return std::nullopt;
    }
    if (!event) {
      tokens_.reset();
      break;
    }
    if (std::optional<TextDelta> delta = take(std::move(*event))) {
      return delta;
    }
  }
  return std::nullopt;
}

TokenTimes TextStream::times() const {
  TokenTimes times = times_;
  if (tokens_) {
    times.began = tokens_->began();
  }
  return times;
}

// The delta that an event makes certain, if any.
std::optional<TextDelta> TextStream::take(TokenEvent event) {
  TextDelta delta;
  times_.began = tokens_->began();
  cached_tokens_ = tokens_->cached_tokens();
  drafted_tokens_ = tokens_->drafted_tokens();
  accepted_tokens_ = tokens_->accepted_tokens();
  if (!event.prompt.empty()) {
    prompt_ = std::move(event.prompt);
  }
  if (event.token >= 0) {
    ++completion_tokens_;
    times_.add_token(event.seconds);
    const std::string piece = text_of(event.token);
    detokenized_ += piece.size();
    held_.push_back(
        {.token =
             {.drawn = {.token = event.token, .logprob = event.logprob},
              .top = std::move(event.top)},
         .end = detokenized_});
    delta.text = stops_.push(piece);
  }
  delta.finish = event.finish;
  delta.error = std::move(event.error);
  delta.stop = std::move(event.stop);
  if (event.finish && !stops_.stopped()) {
    delta.text += stops_.push(detokenizer_->flush());
    delta.text += stops_.flush();
  }
  if (stops_.stopped()) {
    delta.finish = FinishReason::kStop;
    delta.error.clear();
  }
  told_ += delta.text.size();
  if (delta.finish) {
    tokens_.reset();  // cancels when a stop string came before the model's own end
  } else if (delta.text.empty()) {
    return std::nullopt;
  }
  release_tokens(delta.tokens, delta.finish && !stops_.stopped());
  return delta;
}

void TextStream::release_tokens(std::vector<TextToken>& tokens, bool all) {
  while (!held_.empty() && (all || held_.front().end <= told_)) {
    tokens.push_back(std::move(held_.front().token));
    held_.pop_front();
  }
}

}  // namespace hub::engine

#include "api/worker/told_tokens.h"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <utility>

#include "api/openai/answer_logprobs.h"
#include "core/text/detokenizer.h"

namespace hub::api {

namespace {

std::string bytes_of(const text::Tokenizer& tokenizer, int token) {
  return token < tokenizer.vocabulary_size() ? tokenizer.decode(std::vector{token}, false) : "";
}

}  // namespace

AnswerToken told(const text::Tokenizer& tokenizer, const engine::TextToken& token) {
  AnswerToken result{
      .bytes = bytes_of(tokenizer, token.drawn.token),
      .logprob = token.drawn.logprob,
      .id = token.drawn.token};
  for (const engine::TokenLogprob& likely : token.top) {
    result.top.push_back(
        {.bytes = bytes_of(tokenizer, likely.token),
         .logprob = likely.logprob,
         .id = likely.token});
  }
  return result;
}

std::vector<AnswerToken> told(
    const text::Tokenizer& tokenizer, const std::vector<engine::TextToken>& tokens) {
  std::vector<AnswerToken> result;
  result.reserve(tokens.size());
  for (const engine::TextToken& token : tokens) {
    result.push_back(told(tokenizer, token));
  }
  return result;
}

void mark_text(
    std::vector<AnswerToken>& tokens,
    std::size_t known,
    const std::vector<chat::ChatPiece>& pieces,
    std::optional<bool>& is_text) {
  const auto of_text = [](const chat::ChatPiece& piece) {
    return piece.kind == chat::ChatPiece::Kind::kText;
  };
  const bool begins = !is_text && !pieces.empty();
  const bool marked = pieces.empty() ? is_text.value_or(true) : of_text(pieces.front());
  if (!pieces.empty()) {
    is_text = of_text(pieces.back());
  }
  for (std::size_t i = begins ? 0 : known; i < tokens.size(); ++i) {
    tokens[i].is_text = marked;
  }
}

PromptEcho echo_of(
    const std::shared_ptr<const text::Tokenizer>& tokenizer,
    const std::vector<int>& prompt,
    const std::vector<engine::TextToken>* scores) {
  const std::vector<int> added = tokenizer->encode("", true);
  const auto shown = std::ranges::mismatch(prompt, added).in1 - prompt.begin();
  PromptEcho echo;
  text::Detokenizer detokenizer(tokenizer, false);
  for (std::size_t i = 0; i < prompt.size(); ++i) {
    const std::string piece =
        static_cast<std::ptrdiff_t>(i) < shown ? "" : detokenizer.push(prompt[i]);
    echo.text += piece;
    if (scores != nullptr) {
      // Nothing precedes the first, and behind a row that is not finite nothing was scored.
      const bool is_scored = i > 0 && i <= scores->size();
      AnswerToken token =
          is_scored ? told(*tokenizer, (*scores)[i - 1])
                    : AnswerToken{.bytes = bytes_of(*tokenizer, prompt[i]), .id = prompt[i]};
      if (!is_scored) {
        token.logprob.reset();
      }
      token.characters = character_count(piece);
      echo.tokens.push_back(std::move(token));
    }
  }
  echo.text += detokenizer.flush();
  return echo;
}

}  // namespace hub::api

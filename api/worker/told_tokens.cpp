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
      AnswerToken token =
          i == 0 ? AnswerToken{.bytes = bytes_of(*tokenizer, prompt[0]), .id = prompt[0]}
                 : told(*tokenizer, scores->at(i - 1));
      if (i == 0) {
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

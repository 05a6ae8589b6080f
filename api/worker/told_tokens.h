#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/openai/answer_format.h"
#include "core/chat/chat_piece.h"
#include "core/engine/generation.h"
#include "core/text/tokenizer.h"

namespace hub::api {

// The engine's tokens as an answer tells them. An id outside the tokenizer's vocabulary (a padded
// row of the output matrix) has no bytes.
AnswerToken told(const text::Tokenizer& tokenizer, const engine::TextToken& token);
std::vector<AnswerToken> told(
    const text::Tokenizer& tokenizer, const std::vector<engine::TextToken>& tokens);

// A prompt as the answers to it repeat it ("echo").
struct PromptEcho {
  std::string text;  // without the special tokens that the tokenizer itself puts in front
  std::vector<AnswerToken> tokens;
};

// `scores`: of the prompt's tokens but the first, as far as they could be scored; null: likelihoods
// are not wanted, and `tokens` stays empty. `prompt` is not empty, and its ids are the model's.
PromptEcho echo_of(
    const std::shared_ptr<const text::Tokenizer>& tokenizer,
    const std::vector<int>& prompt,
    const std::vector<engine::TextToken>* scores);

// Sets `is_text` of an answer's tokens from `known` on, those that came with `pieces`. As a stream
// has it, they go with the first piece, else with what came before; those before all pieces were
// withheld from the first. `is_text`: absent at the answer's begin, and kept between the calls.
void mark_text(
    std::vector<AnswerToken>& tokens,
    std::size_t known,
    const std::vector<chat::ChatPiece>& pieces,
    std::optional<bool>& is_text);

}  // namespace hub::api

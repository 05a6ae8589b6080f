#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/chat/answer_parser.h"
#include "core/engine/text_stream.h"
#include "core/text/tokenizer.h"

namespace hub::api {

// What became certain of an answer.
struct AnswerDelta {
  std::vector<chat::ChatPiece> pieces;                        // may be empty
  std::vector<engine::TextToken> tokens;                      // as TextDelta's
  std::optional<engine::FinishReason> finish = std::nullopt;  // set on the last delta only
  std::optional<engine::TextToken> stop = std::nullopt;       // as TextDelta's
  bool calls = false;  // with `finish`: it ended with calls, whole but for
                       // what the model itself left out
  std::string error = {};
};

// One answer's text in its parts: a TextStream, and an AnswerParser where answers are taken apart.
// Belongs to one thread.
class AnswerReader {
 public:
  // `shape`: absent for plain text.
  AnswerReader(engine::TextStream stream, std::optional<chat::AnswerShape> shape);

  // As TextStream's.
  std::optional<AnswerDelta> next();
  std::optional<AnswerDelta> next_for(int timeout_ms, bool* timed_out);

  [[nodiscard]] const engine::TextStream& stream() const { return stream_; }
  // Of the tokens read so far those of the model's thinking, the mark at its end included.
  [[nodiscard]] int reasoning_tokens() const { return reasoning_tokens_; }

 private:
  AnswerDelta take(engine::TextDelta delta);

  engine::TextStream stream_;
  std::optional<chat::AnswerParser> parser_;
  int tokens_ = 0;
  int reasoning_tokens_ = 0;
};

// The special tokens of `tokenizer` that a parser of that shape has to see: TextStream's `shown`.
std::vector<int> shown_tokens(
    const text::Tokenizer& tokenizer, const std::optional<chat::AnswerShape>& shape);

}  // namespace hub::api

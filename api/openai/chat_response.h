#pragma once

#include "api/openai/answer_format.h"

namespace hub::api {

// Answers of POST /v1/chat/completions: objects "chat.completion" and "chat.completion.chunk".
class ChatFormat final : public AnswerFormat {
 public:
  using AnswerFormat::AnswerFormat;
  static constexpr std::string_view kIdPrefix = "chatcmpl-";

  // The role, with empty content; later deltas hold content, reasoning_content or
  // tool_calls: of each call its name first, then its arguments in pieces.
  [[nodiscard]] std::string opening_chunk(int index) const override;

 private:
  [[nodiscard]] std::string_view whole_object() const override { return "chat.completion"; }
  [[nodiscard]] std::string_view chunk_object() const override { return "chat.completion.chunk"; }
  [[nodiscard]] base::Json whole_choice(int index, const AnswerChoice& choice) const override;
  [[nodiscard]] base::Json chunk_choice(int index, const AnswerPiece& piece) const override;
};

}  // namespace hub::api

#pragma once

#include "api/openai/answer_format.h"

namespace hub::api {

// Answers of POST /v1/completions: object "text_completion", chunks too.
class CompletionFormat final : public AnswerFormat {
 public:
  using AnswerFormat::AnswerFormat;
  static constexpr std::string_view kIdPrefix = "cmpl-";

  [[nodiscard]] std::string opening_chunk(int /*index*/) const override { return {}; }

 private:
  [[nodiscard]] std::string_view whole_object() const override { return "text_completion"; }
  [[nodiscard]] std::string_view chunk_object() const override { return "text_completion"; }
  [[nodiscard]] base::Json whole_choice(int index, const AnswerChoice& choice) const override;
  [[nodiscard]] base::Json chunk_choice(int index, const AnswerPiece& piece) const override;
};

}  // namespace hub::api

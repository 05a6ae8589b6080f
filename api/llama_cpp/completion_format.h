#pragma once

#include <string>

#include "api/openai/answer_format.h"

namespace hub::api {

// llama.cpp's "timings" of an answer.
base::Json llama_timings(const AnswerUsage& usage);

// Answers of llama.cpp's POST /completion. A stream is events of pieces, the last of them with
// "stop": true and no [DONE]. One choice.
class LlamaCompletionFormat final : public WireFormat {
 public:
  struct Details {
    std::string prompt;  // its text
    int prompt_tokens = 0;
    bool return_tokens = false;
    bool tells_probabilities = false;
  };
  LlamaCompletionFormat(AnswerHead head, Details details);

  [[nodiscard]] std::string whole(
      const std::vector<AnswerChoice>& choices, const AnswerUsage& usage) const override;
  [[nodiscard]] std::string opening(int index) override;
  [[nodiscard]] std::string piece(int index, const AnswerPiece& piece) override;
  [[nodiscard]] std::string ending(const AnswerUsage& usage) override;
  [[nodiscard]] std::string failure(const base::Error& error) override;

 private:
  [[nodiscard]] base::Json last(
      std::string_view finish_reason, std::string_view stop, const AnswerUsage& usage) const;
  void add_tokens(base::Json& body, const std::vector<AnswerToken>& tokens) const;

  const AnswerHead head_;
  const Details details_;
  std::string finish_reason_;
  std::string stop_;
  bool has_new_line_ = false;
};

}  // namespace hub::api

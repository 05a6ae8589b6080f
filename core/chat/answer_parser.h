#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/chat/call_form.h"
#include "core/chat/chat_piece.h"
#include "core/chat/tool.h"

namespace hub::chat {

// What an answer's text may hold.
struct AnswerShape {
  CallForm form = CallForm::kGeneric;
  std::vector<Tool> tools = {};     // empty: calls are text like any other
  bool parallel = true;             // false: the answer ends with its first call (enough())
  bool thinks = false;              // <think>…</think> before the answer is reasoning
  bool prompt_opens_think = false;  // the prompt's end opened it
  std::string opened = {};  // what the prompt's end already says of the answer: an opening mark
};

// The texts that a parser looks for and that a tokenizer may hold as special tokens, which are no
// text otherwise: answers must show them.
std::vector<std::string_view> marks_of(const AnswerShape& shape);

// Takes an answer's text apart while it comes: reasoning, text, calls. The pieces do not depend on
// how the text was cut. A call's mark is withheld until it is known to be one; what turns out to be
// no call, or lacks a name, is given back as text. White space around calls and reasoning is
// dropped. One thread at a time.
class AnswerParser {
 public:
  explicit AnswerParser(AnswerShape shape);
  ~AnswerParser();
  AnswerParser(AnswerParser&&) noexcept;

  // The pieces that became certain with `text`; often none.
  std::vector<ChatPiece> push(std::string_view text);
  // At the answer's end, however it came: what was withheld.
  std::vector<ChatPiece> finish();

  // True while what comes is reasoning.
  [[nodiscard]] bool in_reasoning() const;
  // True when a call has begun: an answer that then stops by itself stops to have it made.
  [[nodiscard]] bool has_calls() const;
  // True while a call has begun and not ended.
  [[nodiscard]] bool in_call() const;
  // True when nothing more of the answer is wanted: only one call was allowed, and is whole.
  [[nodiscard]] bool enough() const;

 private:
  class Machine;
  std::unique_ptr<Machine> machine_;
};

}  // namespace hub::chat

#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <mutex>
#include <span>

#include "core/text/grammar.h"
#include "core/text/tokenizer.h"

namespace hub::text {

// Compiles grammars for one model, and keeps those that were asked for last. Any thread may
// compile.
//
// A token of the model adds its own bytes to the answer, as its tokenizer decodes it; special
// tokens are no text, so that none may come before the end. The one space that SentencePiece's
// decoders take off the beginning of a text counts as part of the answer all the same.
class GrammarCompiler {
 public:
  // `logits` is the width of the model's output, which may be more or fewer than the tokenizer has
  // tokens; `ends` are the tokens that end an answer, at least one. Takes a few hundred
  // milliseconds. Throws kInvalidArgument for a wrong `logits` or `ends`, kUnprocessable for a
  // tokenizer whose tokens have no bytes of their own (WordPiece).
  GrammarCompiler(const Tokenizer& tokenizer, int logits, std::span<const int> ends);
  ~GrammarCompiler();
  GrammarCompiler(const GrammarCompiler&) = delete;
  GrammarCompiler& operator=(const GrammarCompiler&) = delete;

  // Throws as Grammar does. Takes milliseconds, at most 1.5 s; a text of more than 128 KiB,
  // or one that would need more, is refused.
  [[nodiscard]] std::shared_ptr<const Grammar> compile(const GrammarSpec& spec) const;

  // How many compiled grammars are kept.
  static constexpr std::size_t kKept = 64;

 private:
  struct Kept {
    GrammarSpec spec;
    std::shared_ptr<const Grammar> grammar;
  };
  [[nodiscard]] std::shared_ptr<const Grammar> find(const GrammarSpec& spec) const;

  HubVocabulary* vocabulary_ = nullptr;
  mutable std::mutex mutex_;
  mutable std::list<Kept> kept_;  // the one used last comes first
};

}  // namespace hub::text

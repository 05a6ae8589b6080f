#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "core/text/grammar.h"
#include "core/text/grammar_compiler.h"
#include "core/text/tokenizer.h"

namespace hub::api {

// A model's grammar compiler, made when the first grammar comes: most never get one. Any thread.
class Grammars {
 public:
  // `logits`, `ends`: as GrammarCompiler's.
  Grammars(std::shared_ptr<const text::Tokenizer> tokenizer, int logits, std::vector<int> ends);

  // Throws what GrammarCompiler's constructor and compile() throw.
  [[nodiscard]] std::shared_ptr<const text::Grammar> compile(const text::GrammarSpec& spec) const;

 private:
  const std::shared_ptr<const text::Tokenizer> tokenizer_;
  const int logits_;
  const std::vector<int> ends_;
  mutable std::once_flag made_;
  mutable std::unique_ptr<const text::GrammarCompiler> compiler_;
};

}  // namespace hub::api

#include "api/worker/grammars.h"

#include <utility>

namespace hub::api {

Grammars::Grammars(
    std::shared_ptr<const text::Tokenizer> tokenizer, int logits, std::vector<int> ends)
    : tokenizer_(std::move(tokenizer)), logits_(logits), ends_(std::move(ends)) {}

std::shared_ptr<const text::Grammar> Grammars::compile(const text::GrammarSpec& spec) const {
  std::call_once(made_, [this] {
    compiler_ = std::make_unique<const text::GrammarCompiler>(*tokenizer_, logits_, ends_);
  });
  return compiler_->compile(spec);
}

}  // namespace hub::api

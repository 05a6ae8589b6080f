#include "core/text/grammar_compiler.h"

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "core/base/error.h"
#include "core/text/rust_call.h"

namespace hub::text {

GrammarCompiler::GrammarCompiler(
    const Tokenizer& tokenizer, int logits, std::span<const int> ends) {
  const auto negative = std::ranges::find_if(ends, [](int id) { return id < 0; });
  if (logits < 0 || negative != ends.end()) {
    throw base::Error(
        base::ErrorCode::kInvalidArgument,
        fmt::format(
            "grammars: {} is neither a number of logits nor a token",
            logits < 0 ? logits : *negative));
  }
  const std::vector<std::uint32_t> ids(ends.begin(), ends.end());
  rust_call(
      "grammars: ",
      hub_vocabulary_new,
      static_cast<const HubTokenizer*>(tokenizer.handle()),
      static_cast<std::size_t>(logits),
      ids.data(),
      ids.size(),
      &vocabulary_);
}

GrammarCompiler::~GrammarCompiler() {
  hub_vocabulary_free(vocabulary_);
}

std::shared_ptr<const Grammar> GrammarCompiler::compile(const GrammarSpec& spec) const {
  if (auto grammar = find(spec)) {
    return grammar;
  }
  // Without the lock: others need not wait for this grammar.
  auto grammar = std::make_shared<const Grammar>(vocabulary_, spec);
  const std::scoped_lock lock(mutex_);
  // Another thread may have compiled it meanwhile.
  std::erase_if(kept_, [&](const Kept& kept) { return kept.spec == spec; });
  kept_.push_front({.spec = spec, .grammar = grammar});
  if (kept_.size() > kKept) {
    kept_.pop_back();
  }
  return grammar;
}

std::shared_ptr<const Grammar> GrammarCompiler::find(const GrammarSpec& spec) const {
  const std::scoped_lock lock(mutex_);
  const auto found = std::ranges::find(kept_, spec, &Kept::spec);
  if (found == kept_.end()) {
    return nullptr;
  }
  kept_.splice(kept_.begin(), kept_, found);
  return found->grammar;
}

}  // namespace hub::text

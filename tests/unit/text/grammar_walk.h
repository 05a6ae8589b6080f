#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "core/text/grammar_compiler.h"
#include "core/text/tokenizer.h"

namespace hub::text {

// A tokenizer, what ends its answers, and its grammars.
struct GrammarModel {
  std::shared_ptr<const Tokenizer> tokenizer;
  int logits;
  std::vector<int> ends;
  GrammarCompiler compiler{*tokenizer, logits, ends};

  [[nodiscard]] std::size_t words() const { return (static_cast<std::size_t>(logits) + 31) / 32; }
};

// The tokens of a mask, in order.
inline std::vector<int> tokens_of(const std::vector<std::uint32_t>& mask) {
  std::vector<int> tokens;
  for (std::size_t word = 0; word < mask.size(); ++word) {
    for (std::uint32_t bits = mask[word]; bits != 0; bits &= bits - 1) {
      tokens.push_back(static_cast<int>(word * 32) + std::countr_zero(bits));
    }
  }
  return tokens;
}

// Chooses random allowed tokens until the answer ends; after some tokens rather what leads to an
// end.
class GrammarWalk {
 public:
  GrammarWalk(const GrammarModel& model, const GrammarState& begin, unsigned seed)
      : model_(model), state_(begin.clone()), random_(seed), mask_(model.words()) {}

  // Called before each choice with the state, and the mask it filled.
  using Watch = std::function<void(GrammarState&, const std::vector<std::uint32_t>&)>;

  // True when the answer ended within `limit` tokens.
  bool run(const Watch& watch, std::size_t limit = 3000) {
    while (ids_.size() < limit) {
      state_.fill_mask(mask_);
      watch(state_, mask_);
      const int token = choose(tokens_of(mask_));
      state_.accept(token);
      if (std::ranges::find(model_.ends, token) != model_.ends.end()) {
        return true;
      }
      ids_.push_back(token);
    }
    return false;
  }

  [[nodiscard]] const std::vector<int>& ids() const { return ids_; }
  [[nodiscard]] std::string text() const { return model_.tokenizer->decode(ids_, false); }
  GrammarState& state() { return state_; }

 private:
  int choose(const std::vector<int>& allowed) {
    const bool hurry = ids_.size() > 12;
    if (const auto end = std::ranges::find_first_of(allowed, model_.ends);
        end != allowed.end() && (hurry || chance(0.2))) {
      return *end;
    }
    if (!hurry || chance(0.2)) {
      return any_of(allowed);
    }
    // Closing a string or a bracket before anything else; within a string only the one does it.
    std::vector<int> closing;
    for (const char* spelling : {"}", "]", ")", "\""}) {
      const auto token = model_.tokenizer->token_to_id(spelling);
      if (token && std::ranges::binary_search(allowed, *token)) {
        closing.push_back(*token);
      }
    }
    return closing.empty() ? any_of(allowed) : any_of(closing);
  }

  int any_of(const std::vector<int>& tokens) {
    return tokens[std::uniform_int_distribution<std::size_t>(0, tokens.size() - 1)(random_)];
  }
  bool chance(double share) { return std::bernoulli_distribution(share)(random_); }

  const GrammarModel& model_;
  GrammarState state_;
  std::mt19937 random_;
  std::vector<std::uint32_t> mask_;
  std::vector<int> ids_;
};

}  // namespace hub::text

#pragma once

#include <mlx/array.h>

#include "core/engine/sampler.h"
#include "core/engine/sequence.h"
#include "core/models/language_model.h"

namespace hub::engine {

namespace mx = mlx::core;

// How likely the tokens of prompts are (Sequence::prompt_scores), from the hidden states that a
// step computed. Belongs to the thread that owns MLX.
class PromptScorer {
 public:
  // Logits that are in memory at once: of so many rows that they are no more than these, or of one.
  static constexpr std::size_t kMostLogits = 4UL << 20U;

  explicit PromptScorer(const models::LanguageModel& model) : model_(model) {}

  // `hidden` [rows, hidden_size], evaluated: the states of the sequence's tokens from the one at
  // `first` on, of which each tells of the token after it. Appends what of the prompt is not scored
  // yet; stops in front of a row whose logits are not finite numbers.
  void score(Sequence& sequence, const mx::array& hidden, int first);

 private:
  // Of the rows [begin, end) of `hidden`; false: a row's logits are not finite.
  bool score_rows(Sequence& sequence, const mx::array& hidden, int first, int begin, int end);

  const models::LanguageModel& model_;
  Sampler sampler_;
};

}  // namespace hub::engine

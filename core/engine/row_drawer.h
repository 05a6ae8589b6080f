#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "core/engine/sampler.h"
#include "core/engine/sequence.h"

namespace hub::engine {

// Words of a sequence's mask (Sequence::mask) for one row, a bit for each of `vocabulary` tokens.
inline std::size_t mask_words(int vocabulary) {
  return static_cast<std::size_t>((vocabulary + 31) / 32);
}

// Draws a sequence's next token by its rules, grammar and sampling. Belongs to one thread at a time
// (it keeps its working memory).
class RowDrawer {
 public:
  // `logits` [vocab] float32, as the model gave them. `drafted`: tokens of the step's draft among
  // the sequence's; its mask has a row for each and one more. nullopt: as Sampler::draw(), or the
  // grammar could not go on (Sequence::mask_error).
  std::optional<Drawn> draw(
      std::span<const float> logits, const Sequence& sequence, std::size_t drafted);

 private:
  std::span<const float> changed(
      std::span<const float> logits, const Sequence& sequence, std::size_t drafted);

  Sampler sampler_;
  std::vector<float> row_;  // working memory of changed()
};

}  // namespace hub::engine

#include "core/engine/row_drawer.h"

#include <limits>

#include "core/engine/logit_rules.h"

namespace hub::engine {

namespace {

// Leaves no chance to what the mask does not let come.
void keep_allowed(std::span<float> logits, std::span<const std::uint32_t> mask) {
  for (std::size_t i = 0; i < logits.size(); ++i) {
    if ((mask[i / 32] >> (i % 32) & 1U) == 0U) {
      logits[i] = -std::numeric_limits<float>::infinity();
    }
  }
}

}  // namespace

std::optional<Drawn> RowDrawer::draw(
    std::span<const float> logits, const Sequence& sequence, std::size_t drafted) {
  if (!sequence.mask_error.empty()) {
    return std::nullopt;
  }
  return sampler_.draw(
      changed(logits, sequence, drafted), sequence.sampling, sequence.seed, sequence.tokens.size());
}

// The logits after the sequence's rules; they themselves where it has none. `drafted`: tokens of
// the step's draft among the sequence's.
std::span<const float> RowDrawer::changed(
    std::span<const float> logits, const Sequence& sequence, std::size_t drafted) {
  const bool holds_on = static_cast<int>(sequence.tokens.size()) < sequence.min_length &&
                        !(sequence.grammar && sequence.grammar->must_end());
  if (!holds_on && !sequence.grammar && !changes_logits(sequence.sampling.rules)) {
    return logits;
  }
  row_.assign(logits.begin(), logits.end());
  change_logits(
      row_,
      sequence.sampling.rules,
      {.all = sequence.tokens, .prompt_length = static_cast<std::size_t>(sequence.prompt_length)});
  if (holds_on) {
    for (const int id : sequence.stop_ids) {
      if (static_cast<std::size_t>(id) < row_.size()) {
        row_[static_cast<std::size_t>(id)] = -std::numeric_limits<float>::infinity();
      }
    }
  }
  if (sequence.grammar) {
    const std::size_t words = mask_words(static_cast<int>(logits.size()));
    keep_allowed(row_, std::span(sequence.mask).subspan(drafted * words, words));
  }
  return row_;
}

}  // namespace hub::engine

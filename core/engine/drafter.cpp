#include "core/engine/drafter.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "core/base/error.h"
#include "core/engine/prompt_lookup.h"

namespace hub::engine {

namespace {

// Tokens that there is room for: the last one that a step yields needs none in the cache.
int room(const Sequence& sequence) {
  const auto known = static_cast<int>(sequence.tokens.size());
  return std::min(sequence.max_length - known - 1, sequence.capacity - known);
}

// As much of the draft as the grammar lets come.
void keep_allowed(std::vector<int>& draft, const text::GrammarState& grammar) {
  text::GrammarState ahead = grammar.clone();
  std::size_t allowed = 0;
  try {
    while (allowed < draft.size()) {
      ahead.accept(draft[allowed]);
      ++allowed;
    }
  } catch (const base::Error&) {
    draft.resize(allowed);
  }
}

}  // namespace

// The whole draft, and sets the record that it counts for.
std::vector<int> Drafter::find(Sequence& sequence) const {
  const int limit = std::min(longest_, room(sequence));
  if (limit < 1) {
    return {};
  }
  sequence.draft_record = &sequence.looked_up;
  if (!sequence.grammar) {
    return look_up(sequence.tokens, sequence.hint, limit);
  }
  std::vector<int> draft = sequence.grammar->forced();
  if (draft.empty()) {
    draft = look_up(sequence.tokens, sequence.hint, limit);
  } else {
    draft.resize(std::min(draft.size(), static_cast<std::size_t>(limit)));
    sequence.draft_record = &sequence.forced;
  }
  keep_allowed(draft, *sequence.grammar);
  return draft;
}

void Drafter::draft(std::span<RunPart> parts) {
  if (longest_ == 0 || !std::ranges::all_of(parts, &RunPart::decodes)) {
    return;
  }
  std::vector<DraftOffer> offers;
  offers.reserve(parts.size());
  for (RunPart& part : parts) {
    part.draft = find(*part.sequence);
    const double rate = part.draft.empty() ? 0.0 : part.sequence->draft_record->rate();
    offers.push_back({.tokens = static_cast<int>(part.draft.size()), .rate = rate});
  }
  const auto rows = static_cast<int>(parts.size());
  const std::vector<int> lengths = draft_lengths(offers, rows, cost_.cost());
  for (std::size_t i = 0; i < parts.size(); ++i) {
    parts[i].draft.resize(static_cast<std::size_t>(lengths[i]));
  }
}

void Drafter::learn(std::span<const RunPart> parts, double seconds) {
  if (!std::ranges::all_of(parts, &RunPart::decodes)) {
    return;
  }
  int rows = 0;
  for (const RunPart& part : parts) {
    rows += part.rows + static_cast<int>(part.draft.size());
    if (part.draft.empty()) {
      part.sequence->looked_up.fade();
      part.sequence->forced.fade();
    } else {
      part.sequence->draft_record->add(static_cast<int>(part.draft.size()), part.accepted);
    }
  }
  cost_.add(rows, seconds);
}

}  // namespace hub::engine

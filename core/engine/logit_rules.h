#pragma once

#include <cstddef>
#include <span>

#include "core/engine/generation.h"

namespace hub::engine {

// The tokens of a sequence that the next one is drawn after: the prompt's, then the answer's.
struct SaidTokens {
  std::span<const int> all;
  std::size_t prompt_length = 0;
};

// False when the rules leave every logit as it is.
bool changes_logits(const LogitRules& rules);

// Applies the rules to one row of logits [vocab]. Ids outside the vocabulary are passed over. The
// result depends on the arguments alone.
void change_logits(std::span<float> logits, const LogitRules& rules, const SaidTokens& said);

}  // namespace hub::engine

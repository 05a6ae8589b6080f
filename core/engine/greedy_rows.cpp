#include "core/engine/greedy_rows.h"

#include <cmath>
#include <cstdint>

#include <mlx/ops.h>

#include "core/engine/logit_rules.h"

namespace hub::engine {

bool takes_likeliest(const Sequence& sequence) {
  const SamplingParams& sampling = sequence.sampling;
  return sampling.temperature <= 0.0F && sampling.top_logprobs == 0 && !sequence.grammar &&
         !changes_logits(sampling.rules) &&
         static_cast<int>(sequence.tokens.size()) >= sequence.min_length &&
         static_cast<int>(sequence.tokens.size()) < sequence.max_length;
}

GreedyRows::GreedyRows(const mx::array& logits)
    : tokens_(mx::argmax(logits, 1)),
      logprobs_(mx::subtract(mx::max(logits, 1), mx::logsumexp(logits, 1))) {}

std::optional<Drawn> GreedyRows::row(std::size_t index) const {
  const float logprob = logprobs_.data<float>()[index];
  if (!std::isfinite(logprob)) {
    return std::nullopt;
  }
  return Drawn{.token = static_cast<int>(tokens_.data<std::uint32_t>()[index]), .logprob = logprob};
}

}  // namespace hub::engine

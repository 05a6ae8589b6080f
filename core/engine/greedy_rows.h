#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include <mlx/array.h>

#include "core/engine/sampler.h"
#include "core/engine/sequence.h"

namespace hub::engine {

namespace mx = mlx::core;

// True where all that the sequence's next token needs of its logits is which is the likeliest: it
// has one, at temperature 0, without rules, a grammar, logprobs of others, or stop tokens that may
// not come yet.
bool takes_likeliest(const Sequence& sequence);

// The likeliest token of each row and its logprob, found where the logits are, which then need not
// come to the CPU. What Sampler::draw() finds, but for the logprob's last bits.
class GreedyRows {
 public:
  // `logits` [rows, vocab] float32. Builds a graph only.
  explicit GreedyRows(const mx::array& logits);

  // To be evaluated before rows are asked for.
  [[nodiscard]] std::vector<mx::array> arrays() const { return {tokens_, logprobs_}; }
  [[nodiscard]] const mx::array& tokens() const { return tokens_; }  // [rows] uint32
  // nullopt: the row's logits are not finite numbers.
  [[nodiscard]] std::optional<Drawn> row(std::size_t index) const;

 private:
  mx::array tokens_;    // [rows] uint32
  mx::array logprobs_;  // [rows] float32
};

}  // namespace hub::engine

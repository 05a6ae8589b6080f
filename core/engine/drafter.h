#pragma once

#include <span>
#include <vector>

#include "core/engine/batch_runner.h"
#include "core/engine/speculation.h"

namespace hub::engine {

// Guesses tokens ahead for the sequences of a step, so that one forward can yield several of each.
// Where a grammar lets one text alone come next, that text; else what followed the same words
// before (prompt_lookup.h). Only as far as it makes the step's tokens cheaper. Guesses never change
// what is said: BatchRunner keeps those alone that are drawn as well. Belongs to one thread.
class Drafter {
 public:
  // `longest`: tokens of a draft at most; 0: there are none.
  explicit Drafter(int longest) : longest_(longest) {}

  // Sets the drafts of a step's parts; none in a step that computes a prompt.
  void draft(std::span<RunPart> parts);

  // Learns from a step that ran, and took `seconds`.
  void learn(std::span<const RunPart> parts, double seconds);

 private:
  [[nodiscard]] std::vector<int> find(Sequence& sequence) const;

  const int longest_;
  StepCostEstimate cost_;
};

}  // namespace hub::engine

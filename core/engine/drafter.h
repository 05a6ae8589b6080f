#pragma once

#include <exception>
#include <span>
#include <vector>

#include "core/engine/batch_runner.h"
#include "core/engine/draft_maker.h"
#include "core/engine/speculation.h"

namespace hub::engine {

// Guesses tokens ahead for the sequences of a step, so that one forward can yield several of each.
// Where a grammar lets one text alone come next, that text; else what followed the same words
// before (prompt_lookup.h); else, or where that makes more tokens a second, what a draft maker (a
// draft model, or the model's own head for further tokens) finds likeliest. Only as far as it makes
// the step's tokens cheaper. Guesses never change what is said: BatchRunner keeps those alone that
// are drawn as well. Belongs to one thread.
class Drafter {
 public:
  // `longest`: tokens of a draft at most; 0: there are none. `maker` outlives it; null: there is
  // none.
  explicit Drafter(int longest, DraftMaker* maker = nullptr)
      : longest_(longest), maker_(longest > 0 ? maker : nullptr) {}

  // Sets the drafts of a step's parts; none in a step that computes a prompt. A draft maker that
  // fails is told of in the log and not asked again.
  void draft(std::span<RunPart> parts);

  // Learns from a step that ran, and took `seconds` without its drafts.
  void learn(std::span<const RunPart> parts, double seconds);

 private:
  [[nodiscard]] std::vector<int> find(Sequence& sequence) const;
  DraftOffer offer_of_maker(Sequence& sequence) const;
  std::vector<DraftTask> choose(
      std::span<RunPart> parts, const StepCost& cost, const StepCost& maker_cost) const;
  void follow(std::span<const RunPart> parts);
  void give_up(std::span<const RunPart> parts, const std::exception& error);

  const int longest_;
  StepCostEstimate cost_;
  DraftMaker* maker_;
  // The draft maker's record with all sequences: what a new one expects of it. It begins high, so
  // that it is tried, and forgets slowly, so that one that is wrong is not often.
  DraftRecord modelled_{0.8, 0.98};
};

}  // namespace hub::engine

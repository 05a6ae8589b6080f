#pragma once

#include <span>
#include <vector>

#include "core/engine/batch_runner.h"
#include "core/engine/draft_model.h"
#include "core/engine/speculation.h"

namespace hub::engine {

// Guesses tokens ahead for the sequences of a step, so that one forward can yield several of each.
// Where a grammar lets one text alone come next, that text; else what followed the same words
// before (prompt_lookup.h); else, or where that makes more tokens a second, what a draft model
// finds likeliest. Only as far as it makes the step's tokens cheaper. Guesses never change what is
// said: BatchRunner keeps those alone that are drawn as well. Belongs to one thread.
class Drafter {
 public:
  // `longest`: tokens of a draft at most; 0: there are none. `model` outlives it; null: there is
  // none.
  explicit Drafter(int longest, DraftModel* model = nullptr) : longest_(longest), model_(model) {}

  // Sets the drafts of a step's parts; none in a step that computes a prompt. A draft model that
  // fails is told of in the log and not asked again.
  void draft(std::span<RunPart> parts);

  // Learns from a step that ran, and took `seconds` without its drafts.
  void learn(std::span<const RunPart> parts, double seconds);

 private:
  [[nodiscard]] std::vector<int> find(Sequence& sequence) const;
  DraftOffer offer_of_model(Sequence& sequence) const;
  std::vector<DraftTask> choose(
      std::span<RunPart> parts, const StepCost& cost, const StepCost& model_cost) const;
  void ask_model(std::span<const DraftTask> tasks, int most_rows);

  const int longest_;
  StepCostEstimate cost_;
  DraftModel* model_;
  // The draft model's record with all sequences: what a new one expects of it. It begins high, so
  // that the draft model is tried, and forgets slowly, so that one that is wrong is not often.
  DraftRecord modelled_{0.8, 0.98};
};

}  // namespace hub::engine

#pragma once

#include <memory>
#include <span>
#include <vector>

#include "core/engine/sampler.h"
#include "core/engine/sequence.h"
#include "core/models/language_model.h"

namespace hub::engine {

// The next `rows` pending tokens of one sequence.
struct RunPart {
  Sequence* sequence;
  int rows;
  bool samples;  // they are all that is pending: draw the next token
};

// Runs a step: one forward over the rows of all its sequences, then a draw for each that samples.
// Belongs to the thread that owns MLX.
class BatchRunner {
 public:
  explicit BatchRunner(const models::LanguageModel& model) : model_(model) {}

  // For each part the drawn token; nullopt for a part that does not sample, whose logits are not
  // finite, or whose grammar could not go on (then the sequence's mask_error says why). The caches
  // hold the rows afterwards. Throws what MLX throws; the caches of all parts are then unusable.
  std::vector<std::optional<Drawn>> run(std::span<const RunPart> parts);

 private:
  void fill_masks(std::span<const RunPart> parts) const;
  std::span<const float> changed(std::span<const float> logits, const Sequence& sequence);

  const models::LanguageModel& model_;
  Sampler sampler_;
  std::vector<float> row_;  // working memory of changed()
};

}  // namespace hub::engine

#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "core/engine/greedy_rows.h"
#include "core/engine/prompt_scores.h"
#include "core/engine/row_drawer.h"
#include "core/engine/sequence.h"
#include "core/models/language_model.h"

namespace hub::engine {

// Token ids or row numbers, int32 [values].
mlx::core::array row_indices(const std::vector<int>& values);

// The next `rows` pending tokens of one sequence.
struct RunPart {
  Sequence* sequence;
  int rows;
  bool samples;  // they are all that is pending: draw the next token
  // Guesses of the tokens to come, computed with the rows so that more than one can be drawn; only
  // with `samples`.
  std::vector<int> draft = {};
  int accepted = 0;  // set by run(): how many of the draft, from its begin, were drawn as well
  // Set by a run() that gives them: the model's hidden states of the rows that its cache holds now
  // and did not before, [rows, hidden_size]. Not of a sequence that ended.
  std::optional<mlx::core::array> hidden = std::nullopt;

  // Its sequence's prompt is computed: the step yields its next token from one row.
  [[nodiscard]] bool decodes() const { return samples && rows == 1; }
};

// Takes what was drawn for a sequence, appends it to its tokens unless it ends, and says whether
// another token may be drawn. nullopt: the logits are not finite, or the grammar could not go on
// (then the sequence's mask_error says why). `guessed`: the draft had it.
using TakeDrawn =
    std::function<bool(Sequence& sequence, const std::optional<Drawn>& drawn, bool guessed)>;

// Runs a step: one forward over the rows of all its sequences, then the scores of prompts that are
// to be told, and a draw for each that samples.
// Belongs to the thread that owns MLX.
class BatchRunner {
 public:
  explicit BatchRunner(const models::LanguageModel& model, bool gives_hidden = false);

  // Calls `take` for each part that samples, once and again for each token of its draft that was
  // drawn. What is drawn is the same with any draft. The caches hold afterwards what they held and
  // the rows, and of a draft what was drawn. Throws what MLX throws; the caches of all parts are
  // then unusable.
  void run(std::span<RunPart> parts, const TakeDrawn& take);

 private:
  void fill_masks(std::span<const RunPart> parts) const;
  struct SampledPart {
    RunPart* part;
    std::span<const float> logits;  // [1 + draft, vocab]
    std::optional<Drawn> first = std::nullopt;
  };
  void score_prompts(
      std::span<const RunPart> parts, std::span<const std::size_t> order, const mx::array& hidden);
  void draw_likeliest(
      std::span<RunPart> parts,
      std::span<const std::size_t> sampling,
      const GreedyRows& rows,
      const TakeDrawn& take);
  void draw_all(
      std::span<RunPart> parts,
      std::span<const std::size_t> sampling,
      const mx::array& logits,
      const TakeDrawn& take);
  void draw_first(std::span<SampledPart> sampled, std::size_t vocabulary);
  using DrawRow = std::function<std::optional<Drawn>(std::size_t row)>;
  void draw(RunPart& part, const DrawRow& draw_row, const TakeDrawn& take) const;

  const models::LanguageModel& model_;
  const bool gives_hidden_;
  PromptScorer scorer_;
  std::vector<RowDrawer> drawers_;  // one a thread
};

}  // namespace hub::engine

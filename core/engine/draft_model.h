#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "core/engine/batch_runner.h"
#include "core/engine/speculation.h"
#include "core/model_config/model_config.h"
#include "core/models/language_model.h"

namespace hub::engine {

// A draft to be made for a part of a step.
struct DraftTask {
  RunPart* part;
  int length;  // tokens at most, >= 1; the sequence's caches have room for them
};

// A small model that says what a larger one with the same tokens may say next (speculative
// decoding, Leviathan et al. 2023, arXiv:2211.17192). It keeps a cache of its own for each sequence
// that it drafts for, which follows what was said. Belongs to the thread that owns MLX.
class DraftModel {
 public:
  // `model` has no recurrent layers, whose state goes back within one step alone. `target`: what it
  // drafts for.
  // `cost_ratio`: what a forward of it takes of one of the target's, in place of what is measured.
  DraftModel(
      std::unique_ptr<models::LanguageModel> model,
      const models::LanguageModel& target,
      std::optional<double> cost_ratio = std::nullopt);

  // Sets the drafts of the tasks' parts, all beside each other: one forward for each token of the
  // longest. Before the first token it computes what was said since it last drafted for the
  // sequence; of that `most_rows` rows a call at most, all sequences together, so that nobody
  // stalls: who is not done then gets no draft yet. A draft is what the draft model finds
  // likeliest, greedy: also for a request that draws, where that is right as often as the target
  // draws its own likeliest token. Which tokens come is not its matter (BatchRunner::run()), so
  // nothing more is gained by drawing. It ends at a token that the sequence's grammar does not let
  // come, or that ends the answer. Throws what MLX throws; the draft caches of all tasks are then
  // unusable.
  void draft(std::span<const DraftTask> tasks, int most_rows);

  // Tokens that the draft model has not computed of the sequence; at least 1, the last one.
  [[nodiscard]] static int behind(const Sequence& sequence);
  // Tokens of a sequence beyond which it does not draft: what it was made for.
  [[nodiscard]] int context_length() const { return model_->config().max_position_embeddings; }
  // Of one of its forwards, in the unit of the target's `cost`; where none was measured yet, of
  // that as much as it has of the target's weights.
  [[nodiscard]] StepCost cost(const StepCost& target_cost) const;

  [[nodiscard]] std::uint64_t weight_bytes() const { return model_->weight_bytes(); }
  [[nodiscard]] std::uint64_t kv_bytes_per_token() const;
  [[nodiscard]] const models::LanguageModel& model() const { return *model_; }

 private:
  struct Row;
  std::vector<int> forward(std::span<const Row> rows);

  const std::unique_ptr<models::LanguageModel> model_;
  const int target_vocabulary_;
  const std::optional<double> cost_ratio_;
  const double size_ratio_;  // of its weights to the target's
  StepCostEstimate cost_;
};

// Loads the model in `folder` as the draft model of `target`, which lies in `target_folder`, and
// warms it. Throws kUnprocessable, with `draft_model` as the field, for a model with recurrent
// layers, an encoder, one whose tokens are not the target's (reason "draft_model_mismatch"), and
// what load_model() throws.
std::unique_ptr<DraftModel> load_draft_model(
    const std::filesystem::path& folder,
    const models::LanguageModel& target,
    const std::filesystem::path& target_folder);

}  // namespace hub::engine

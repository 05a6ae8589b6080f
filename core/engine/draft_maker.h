#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <mlx/array.h>

#include "core/engine/batch_runner.h"
#include "core/engine/speculation.h"
#include "core/model_config/model_config.h"
#include "core/models/attend.h"

namespace hub::engine {

// A draft to be made for a part of a step.
struct DraftTask {
  RunPart* part;
  int length;  // tokens at most, >= 1; the sequence's caches have room for them
};

// Guesses tokens by forwards of its own (speculative decoding, Leviathan et al. 2023,
// arXiv:2211.17192), beside those of the model that they are for, the target. It keeps a cache of
// its own for each sequence that it drafts for, Sequence::draft_cache, which follows what was said.
// Belongs to the thread that owns MLX.
class DraftMaker {
 public:
  // `size_ratio`: of what a forward of it reads to what one of the target reads. `cost_ratio`: what
  // a forward of it takes of one of the target's, in place of what is measured.
  DraftMaker(int target_vocabulary, double size_ratio, std::optional<double> cost_ratio)
      : target_vocabulary_(target_vocabulary), size_ratio_(size_ratio), cost_ratio_(cost_ratio) {}
  virtual ~DraftMaker() = default;
  DraftMaker(const DraftMaker&) = delete;
  DraftMaker& operator=(const DraftMaker&) = delete;

  // Sets the drafts of the tasks' parts, all beside each other: one forward for each token of the
  // longest. Before the first token it computes what it is behind() of the sequence; of that
  // `most_rows` rows a call at most, all sequences together, so that nobody stalls: who is not done
  // then gets no draft yet. A draft is what it finds likeliest, greedy: also for a request that
  // draws, where that is right as often as the target draws its own likeliest token. Which tokens
  // come is not its matter (BatchRunner::run()), so nothing more is gained by drawing. It ends at a
  // token that the sequence's grammar does not let come, or that ends the answer. Throws what MLX
  // throws; the draft caches of all tasks are then unusable.
  void draft(std::span<const DraftTask> tasks, int most_rows);

  // Tokens of the sequence that it has not computed; at least 1, the last one, where it can draft.
  [[nodiscard]] virtual int behind(const Sequence& sequence) const = 0;
  // Tokens that it could draft for the sequence, whatever room the caches have; below 1: none.
  [[nodiscard]] virtual int limit(const Sequence& sequence) const = 0;
  // Of one of its forwards, in the unit of the target's `cost`; where none was measured yet, of
  // that as much as it has of the target's weights.
  [[nodiscard]] StepCost cost(const StepCost& target_cost) const;
  [[nodiscard]] virtual DraftSource source() const = 0;
  [[nodiscard]] virtual std::uint64_t kv_bytes_per_token() const = 0;

  // Whether follow() wants RunPart::hidden.
  [[nodiscard]] virtual bool wants_hidden() const { return false; }
  // Told of each step that ran, before the next draft. `reads`: what it can only compute with what
  // is there now is worth computing. Throws as draft() does.
  virtual void follow(std::span<const RunPart> /*parts*/, bool /*reads*/) {}

 protected:
  // Tokens of one sequence that a forward computes, from where its cache ends.
  struct Row {
    Sequence* sequence;
    std::span<const int> tokens;
    bool samples;                              // what comes after the last one is asked for
    std::optional<mlx::core::array> hidden{};  // the only token is a guess: Guess::hidden of it
  };
  // What comes after a row that samples.
  struct Guess {
    int token = 0;
    std::optional<mlx::core::array> hidden{};  // [1, hidden_size], where forward() wants it back
  };
  // Of each row that samples, in their order. Evaluates the caches, and advances them.
  virtual std::vector<Guess> forward(std::span<const Row> rows) = 0;
  // Evaluates what a forward over these rows gave, and advances their caches.
  static void finish(
      std::span<const models::SequenceRows> sequences, std::vector<mlx::core::array>& wanted);
  // What a cache for it is made from.
  [[nodiscard]] virtual const model_config::ModelConfig& cache_config() const = 0;
  // Called for each task's sequence when its draft is made.
  virtual void settle(Sequence& /*sequence*/) const {}

  // forward(), with room in the sequences' caches, and measured.
  std::vector<Guess> run(std::span<const Row> rows);

 private:
  const int target_vocabulary_;
  const double size_ratio_;
  const std::optional<double> cost_ratio_;
  StepCostEstimate cost_;
};

}  // namespace hub::engine

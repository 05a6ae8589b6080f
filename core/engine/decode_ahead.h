#pragma once

#include <cstddef>
#include <deque>
#include <span>
#include <vector>

#include "core/engine/batch_runner.h"
#include "core/engine/greedy_rows.h"
#include "core/engine/sequence.h"
#include "core/models/language_model.h"

namespace hub::engine {

// Decodes sequences that take their likeliest tokens (takes_likeliest()) without waiting for what
// these are: a step reads them where the one before it leaves them, on the device, which then does
// not stand still while the host delivers tokens and builds the next step. Sequence::awaited counts
// what was begun and not taken. A sequence that ends meanwhile leaves a row too much in its cache,
// which trim() forgets. For models without recurrent layers. Belongs to the thread that owns MLX.
class DecodeAhead {
 public:
  explicit DecodeAhead(const models::LanguageModel& model) : model_(model) {}

  [[nodiscard]] bool empty() const { return begun_.empty(); }
  [[nodiscard]] std::size_t size() const { return begun_.size(); }

  // Builds the next step of the parts' sequences and lets the device begin. Each must have one
  // pending token; those of a sequence that awaits one must be among the last step's. Throws what
  // MLX throws; the caches of all sequences are then unusable.
  void begin(std::span<const RunPart> parts);

  // Waits for the oldest step, calls `take` for each of its sequences that goes on, and returns
  // them. Throws what MLX throws.
  std::vector<RunPart> finish(const TakeDrawn& take);

  // Lets go of the sequences that ended.
  void drop_ended();
  // Lets go of all; their caches are of no use after that.
  void clear() { begun_.clear(); }

 private:
  struct Step {
    std::vector<Sequence*> sequences;  // of each row; null: it ended
    GreedyRows rows;
  };

  [[nodiscard]] mx::array next_tokens(std::span<Sequence* const> sequences) const;

  const models::LanguageModel& model_;
  std::deque<Step> begun_;
};

}  // namespace hub::engine

#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace hub::engine {

// How often one source's drafts were right for one sequence. The last few steps count most.
class DraftRecord {
 public:
  // `expected`: how likely a drafted token is right before anything is known.
  explicit DraftRecord(double expected) : right_(2.0 * expected), seen_(2.0), expected_(expected) {}

  // Of `drafted` tokens, at least one, the first `accepted` were right.
  void add(int drafted, int accepted);
  // A step without a draft: what is known becomes less certain, so that it is tried again.
  void fade();
  // How likely a drafted token is right when those before it are.
  [[nodiscard]] double rate() const { return right_ / seen_; }

 private:
  double right_;
  double seen_;  // right and wrong ones
  double expected_;
};

// What a step of so many rows takes: fixed + per_row * rows, both >= 0, in any unit.
struct StepCost {
  double fixed = 1.0;
  double per_row = 0.1;
};

// Learns the cost from the steps themselves, by least squares in which older steps count less and
// less. What is not known (all steps had the same number of rows lately) is taken to be cheap, so
// that it is tried.
class StepCostEstimate {
 public:
  void add(int rows, double seconds);
  [[nodiscard]] StepCost cost() const;

 private:
  double weight_ = 0.0;
  double rows_ = 0.0;  // weighted sums
  double rows_squared_ = 0.0;
  double seconds_ = 0.0;
  double product_ = 0.0;
};

// A draft that a step could check.
struct DraftOffer {
  int tokens = 0;     // how many it has
  double rate = 0.0;  // DraftRecord::rate()
};

// How many tokens of each offer to check in a step that has `rows` rows without them, each of which
// yields one token: token by token the likeliest, as long as that makes more tokens a second. So a
// step whose rows cost nearly all of its time (a large batch, a slow processor) checks none.
std::vector<int> draft_lengths(std::span<const DraftOffer> offers, int rows, const StepCost& cost);

}  // namespace hub::engine

#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace hub::engine {

// Where a draft came from: what the grammar forced, an earlier place of the text, the draft model,
// the model's own head for further tokens.
enum class DraftSource : std::uint8_t { kGrammar, kText, kModel, kMtp };

// Tokens that were guessed and checked, and of them those that came.
struct DraftCount {
  std::uint64_t drafted = 0;
  std::uint64_t accepted = 0;
};

// The same by source.
struct DraftCounts {
  DraftCount grammar;
  DraftCount text;
  DraftCount model;
  DraftCount mtp;

  [[nodiscard]] DraftCount& of(DraftSource source) {
    switch (source) {
      case DraftSource::kGrammar:
        return grammar;
      case DraftSource::kModel:
        return model;
      case DraftSource::kMtp:
        return mtp;
      case DraftSource::kText:
        break;
    }
    return text;
  }
  [[nodiscard]] std::uint64_t drafted() const {
    return grammar.drafted + text.drafted + model.drafted + mtp.drafted;
  }
  [[nodiscard]] std::uint64_t accepted() const {
    return grammar.accepted + text.accepted + model.accepted + mtp.accepted;
  }
};

// How often one source's drafts were right for one sequence. The last few steps count most.
class DraftRecord {
 public:
  // `expected`: how likely a drafted token is right before anything is known. `memory`: what the
  // drafts so far count after the next one, in (0, 1).
  explicit DraftRecord(double expected, double memory = 0.85)
      : right_(2.0 * expected), seen_(2.0), expected_(expected), memory_(memory) {}

  // Of `drafted` tokens, at least one, the first `accepted` were right.
  void add(int drafted, int accepted);
  // A step without a draft: what is known becomes less certain, so that it is tried again.
  void fade();
  // What fade() goes towards from now on.
  void expect(double expected) { expected_ = expected; }
  // How likely a drafted token is right when those before it are.
  [[nodiscard]] double rate() const { return right_ / seen_; }

 private:
  double right_;
  double seen_;  // right and wrong ones
  double expected_;
  double memory_;
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
  [[nodiscard]] bool is_known() const { return weight_ > 0.0; }  // else cost() is a guess

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
  // A draft maker has yet to make it: a forward of its own makes the next token of all such offers.
  bool by_model = false;
  double behind = 0.0;  // rows that it computes besides, before the first token
};

// How many tokens of each offer to check in a step that has `rows` rows without them, each of which
// yields one token: token by token the likeliest, as long as that makes more tokens a second. So a
// step whose rows cost nearly all of its time (a large batch, a slow processor) checks none.
// `draft_cost`: of a forward of the draft maker, in the unit of `cost`; what that adds to the step
// decides as well, so one that is as slow as the model drafts nothing.
std::vector<int> draft_lengths(
    std::span<const DraftOffer> offers,
    int rows,
    const StepCost& cost,
    const StepCost& draft_cost = {});

// Tokens in a unit of time of such a step with as much of this offer alone as makes most, a forward
// of the draft maker shared by all rows. Says which of two offers to one sequence is better.
double best_pace(
    const DraftOffer& offer, int rows, const StepCost& cost, const StepCost& draft_cost);

}  // namespace hub::engine

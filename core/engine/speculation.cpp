#include "core/engine/speculation.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>

namespace hub::engine {

namespace {

// So many steps without a draft make what is known as uncertain as one step with another draft.
constexpr double kFadeSteps = 15.0;
constexpr double kCostMemory = 0.97;
// An interrupted step tells nothing about rows: no step counts as more than so often the expected.
constexpr double kLongestStep = 3.0;
// Least spread of rows among the remembered steps, as a variance, that tells what a row costs.
constexpr double kLeastVariance = 0.02;

// What a step yields, and what it takes.
struct Outcome {
  double tokens;
  double seconds;

  [[nodiscard]] double pace() const { return tokens / seconds; }
};

Outcome without_drafts(int rows, const StepCost& cost) {
  return {.tokens = static_cast<double>(rows), .seconds = cost.fixed + cost.per_row * rows};
}

// What one more token of an offer costs a step, but for the draft model's forward itself.
double token_cost(
    const DraftOffer& offer, int depth, const StepCost& cost, const StepCost& draft_cost) {
  const double drafting =
      offer.by_model ? draft_cost.per_row * (1.0 + (depth == 1 ? offer.behind : 0.0)) : 0.0;
  return cost.per_row + drafting;
}

// Of the drafts that are there. Each token has a cost of its own, so the likeliest come first.
Outcome choose_made(
    std::span<const DraftOffer> offers,
    const StepCost& cost,
    Outcome outcome,
    std::vector<int>& lengths) {
  std::vector<double> gains(offers.size());  // of the offer's next token
  for (std::size_t i = 0; i < offers.size(); ++i) {
    gains[i] = offers[i].tokens > 0 && !offers[i].by_model ? offers[i].rate : 0.0;
  }
  while (!offers.empty()) {
    const auto best = std::ranges::max_element(gains);
    if (*best <= 0.0 || *best * outcome.seconds <= cost.per_row * outcome.tokens) {
      break;
    }
    const auto i = static_cast<std::size_t>(best - gains.begin());
    outcome.tokens += *best;
    outcome.seconds += cost.per_row;
    ++lengths[i];
    *best = lengths[i] < offers[i].tokens ? *best * offers[i].rate : 0.0;
  }
  return outcome;
}

// Of those that the draft model is to make: one depth after another, since all of a depth share a
// forward. A depth that does not pay by itself may be the way to deeper ones that do, so each is
// tried to its end and the best kept.
void choose_modelled(
    std::span<const DraftOffer> offers,
    const StepCost& cost,
    const StepCost& draft_cost,
    Outcome outcome,
    std::vector<int>& lengths) {
  struct Candidate {
    std::size_t offer;
    double gain;
  };
  std::vector<Candidate> candidates;
  for (std::size_t i = 0; i < offers.size(); ++i) {
    if (offers[i].by_model && offers[i].tokens > 0 && offers[i].rate > 0.0) {
      candidates.push_back({.offer = i, .gain = offers[i].rate});
    }
  }
  double best = outcome.pace();
  std::vector<int> tried = lengths;
  for (int depth = 1; !candidates.empty(); ++depth) {
    std::ranges::stable_sort(candidates, std::greater<>(), &Candidate::gain);
    Outcome sum = {.tokens = outcome.tokens, .seconds = outcome.seconds + draft_cost.fixed};
    std::size_t taken = 0;
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      sum.tokens += candidates[i].gain;
      sum.seconds += token_cost(offers[candidates[i].offer], depth, cost, draft_cost);
      if (taken == 0 || sum.pace() > outcome.pace()) {
        outcome = sum;
        taken = i + 1;
      }
    }
    candidates.resize(taken);
    for (Candidate& candidate : candidates) {
      tried[candidate.offer] = depth;
      candidate.gain *= offers[candidate.offer].rate;
    }
    if (outcome.pace() > best) {
      best = outcome.pace();
      lengths = tried;
    }
    std::erase_if(candidates, [&](const Candidate& candidate) {
      return offers[candidate.offer].tokens == depth;
    });
  }
}

}  // namespace

void DraftRecord::add(int drafted, int accepted) {
  right_ = memory_ * right_ + accepted;
  seen_ = memory_ * seen_ + accepted + (accepted < drafted ? 1 : 0);
}

void DraftRecord::fade() {
  const double lost = (1.0 - memory_) / kFadeSteps;
  right_ = (1.0 - lost) * right_ + lost * 2.0 * expected_;
  seen_ = (1.0 - lost) * seen_ + lost * 2.0;
}

void StepCostEstimate::add(int rows, double seconds) {
  if (weight_ > 1.0) {
    const StepCost known = cost();
    seconds = std::min(seconds, kLongestStep * (known.fixed + known.per_row * rows));
  }
  const double count = rows;
  for (double* sum : {&weight_, &rows_, &rows_squared_, &seconds_, &product_}) {
    *sum *= kCostMemory;
  }
  weight_ += 1.0;
  rows_ += count;
  rows_squared_ += count * count;
  seconds_ += seconds;
  product_ += count * seconds;
}

StepCost StepCostEstimate::cost() const {
  if (weight_ <= 0.0) {
    return {};
  }
  const double mean_rows = rows_ / weight_;
  const double mean_seconds = seconds_ / weight_;
  const double variance = rows_squared_ / weight_ - mean_rows * mean_rows;
  const double unknown_row = mean_seconds * StepCost{}.per_row / mean_rows;
  double per_row = unknown_row;
  if (variance > kLeastVariance) {
    const double covariance = product_ / weight_ - mean_rows * mean_seconds;
    per_row = std::clamp(covariance / variance, 0.0, mean_seconds / mean_rows);
  }
  return {.fixed = mean_seconds - per_row * mean_rows, .per_row = per_row};
}

std::vector<int> draft_lengths(
    std::span<const DraftOffer> offers,
    int rows,
    const StepCost& cost,
    const StepCost& draft_cost) {
  std::vector<int> lengths(offers.size(), 0);
  const Outcome outcome = choose_made(offers, cost, without_drafts(rows, cost), lengths);
  choose_modelled(offers, cost, draft_cost, outcome, lengths);
  return lengths;
}

double best_pace(
    const DraftOffer& offer, int rows, const StepCost& cost, const StepCost& draft_cost) {
  Outcome outcome = without_drafts(rows, cost);
  double best = outcome.pace();
  double gain = 1.0;
  for (int depth = 1; depth <= offer.tokens; ++depth) {
    gain *= offer.rate;
    outcome.tokens += gain;
    outcome.seconds += token_cost(offer, depth, cost, draft_cost);
    outcome.seconds += offer.by_model ? draft_cost.fixed / rows : 0.0;
    best = std::max(best, outcome.pace());
  }
  return best;
}

}  // namespace hub::engine

#include "core/engine/speculation.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace hub::engine {

namespace {

constexpr double kRecordMemory = 0.85;  // what a step's drafts count after the next one
constexpr double kFade = 0.99;
constexpr double kCostMemory = 0.97;
// An interrupted step tells nothing about rows: no step counts as more than so often the expected.
constexpr double kLongestStep = 3.0;
// Least spread of rows among the remembered steps, as a variance, that tells what a row costs.
constexpr double kLeastVariance = 0.02;

}  // namespace

void DraftRecord::add(int drafted, int accepted) {
  right_ = kRecordMemory * right_ + accepted;
  seen_ = kRecordMemory * seen_ + accepted + (accepted < drafted ? 1 : 0);
}

void DraftRecord::fade() {
  right_ = kFade * right_ + (1.0 - kFade) * 2.0 * expected_;
  seen_ = kFade * seen_ + (1.0 - kFade) * 2.0;
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

std::vector<int> draft_lengths(std::span<const DraftOffer> offers, int rows, const StepCost& cost) {
  std::vector<int> lengths(offers.size(), 0);
  std::vector<double> gains(offers.size());  // of the offer's next token
  for (std::size_t i = 0; i < offers.size(); ++i) {
    gains[i] = offers[i].tokens > 0 ? offers[i].rate : 0.0;
  }
  double yielded = rows;
  double seconds = cost.fixed + cost.per_row * rows;
  while (!offers.empty()) {
    const auto best = std::ranges::max_element(gains);
    if (*best <= 0.0 || *best * seconds <= cost.per_row * yielded) {
      break;
    }
    const auto i = static_cast<std::size_t>(best - gains.begin());
    yielded += *best;
    seconds += cost.per_row;
    ++lengths[i];
    *best = lengths[i] < offers[i].tokens ? *best * offers[i].rate : 0.0;
  }
  return lengths;
}

}  // namespace hub::engine

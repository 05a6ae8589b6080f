#include "core/engine/prefill_pace.h"

#include <algorithm>

namespace hub::engine {

namespace {

constexpr double kMemory = 0.9;  // of the steps that decode alone
// No step decides alone: an interrupted one would count for long.
constexpr double kLongestStep = 2.0;

}  // namespace

void PrefillPace::add(int decoding, int prompt_rows, double seconds) {
  if (decoding == 0) {
    return;
  }
  if (prompt_rows == 0) {
    decode_seconds_ = decode_seconds_ <= 0.0
                          ? seconds
                          : kMemory * decode_seconds_ +
                                (1.0 - kMemory) * std::min(seconds, kLongestStep * decode_seconds_);
    return;
  }
  cost_.add(prompt_rows, seconds);
  last_ = prompt_rows;
  is_known_ = true;
}

int PrefillPace::rows() const {
  const int fewest = std::min(kFewestRows, most_);
  if (!is_known_) {
    return last_;
  }
  const double budget = std::max(kPatience * decode_seconds_, kShortestWait);
  const StepCost cost = cost_.cost();
  // Steps toward more rows double at most, since a row's cost is a guess at first.
  const int reachable = std::clamp(2 * last_, fewest, most_);
  if (cost.per_row <= 0.0) {
    return budget > cost.fixed ? reachable : fewest;
  }
  const double affordable = (budget - cost.fixed) / cost.per_row;
  return static_cast<int>(
      std::clamp(affordable, static_cast<double>(fewest), static_cast<double>(reachable)));
}

}  // namespace hub::engine

#pragma once

namespace hub::train {

// Of preference training, by TRL's names rewards/chosen, rewards/rejected, rewards/accuracies and
// rewards/margins: sums over pairs, or means.
struct Rewards {
  double chosen = 0.0;
  double rejected = 0.0;
  double accuracy = 0.0;  // 1 for a pair whose chosen answer has the larger reward

  // The last three of a preference objective's sums (objective.h).
  void add(const float* sums) {
    chosen += static_cast<double>(sums[0]);
    rejected += static_cast<double>(sums[1]);
    accuracy += static_cast<double>(sums[2]);
  }
  [[nodiscard]] double margin() const { return chosen - rejected; }
  [[nodiscard]] Rewards mean(double pairs) const {
    return {.chosen = chosen / pairs, .rejected = rejected / pairs, .accuracy = accuracy / pairs};
  }
};

}  // namespace hub::train

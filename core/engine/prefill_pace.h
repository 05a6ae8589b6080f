#pragma once

#include "core/engine/speculation.h"

namespace hub::engine {

// How many rows of prompts a step may have beside sequences that decode: as many as keep the time
// between two tokens of these within kPatience times what it is without, or kShortestWait,
// whichever is longer. Learns what a row costs from the steps. Plain arithmetic; belongs to one
// thread.
class PrefillPace {
 public:
  static constexpr double kPatience = 2.1;
  static constexpr double kShortestWait = 0.065;  // seconds
  static constexpr int kFewestRows = 12;          // so that a prompt comes to its end

  // `most`: rows of a step at most, whatever else is in it.
  explicit PrefillPace(int most) : most_(most), last_(most < kFirstRows ? most : kFirstRows) {}

  // A step with so many decoding sequences and rows of prompts took so long.
  void add(int decoding, int prompt_rows, double seconds);

  // For a step beside sequences that decode.
  [[nodiscard]] int rows() const;

 private:
  static constexpr int kFirstRows = 32;

  const int most_;
  int last_;
  double decode_seconds_ = 0.0;  // of a step without prompts; 0: not known
  bool is_known_ = false;        // a step with both was seen
  StepCostEstimate cost_;        // of a step with both, by its rows of prompts
};

}  // namespace hub::engine

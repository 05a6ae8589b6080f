#pragma once

#include <cstdint>
#include <string>

namespace hub::train {

// The learning rate of each optimizer update, as mlx.optimizers.schedulers and mlx_lm's
// build_schedule() compute it.
class LrSchedule {
 public:
  // `kind`: "constant", "linear" or "cosine", the last two falling to 0 over the updates that
  // remain after the warm-up. With `warmup_updates` N > 0 the rate first rises linearly from 0 (at
  // update 0) to `peak` (at update N), and the schedule proper begins at update N + 1. Throws
  // kInvalidArgument for another kind.
  LrSchedule(const std::string& kind, double peak, int warmup_updates, int total_updates);

  // `update` counts from 0: the number of updates already done.
  [[nodiscard]] double at(int update) const;

 private:
  enum class Kind : std::uint8_t { kConstant, kLinear, kCosine };

  Kind kind_;
  double peak_;
  int warmup_updates_;
  int decay_updates_;
};

}  // namespace hub::train

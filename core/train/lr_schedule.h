#pragma once

#include <cstdint>
#include <string>

#include "core/model_config/finetune_params.h"

namespace hub::train {

// The learning rate of each optimizer update, as mlx.optimizers.schedulers and mlx_lm's
// build_schedule() compute it: with `warmup_steps` N > 0 the rate first goes linearly from
// `warmup_init` (at update 0) to `learning_rate` (at update N), and the schedule proper begins at
// update N + 1. With R = learning_rate, E = lr_end, D = lr_decay_steps (for linear and cosine
// absent: the updates that remain after the warm-up), q = lr_decay_rate and t from 0:
//   constant R; linear R + (E - R) min(t, D) / D; cosine E + (R - E) (1 + cos(pi min(t, D) / D))/2;
//   exponential_decay R q^t; step_decay R q^(t div D).
class LrSchedule {
 public:
  // Throws kInvalidArgument for another kind, or when it lacks its settings.
  LrSchedule(const model_config::FinetuneParams& params, int total_updates);

  // `update` counts from 0: the number of updates already done.
  [[nodiscard]] double at(int update) const;

 private:
  enum class Kind : std::uint8_t { kConstant, kLinear, kCosine, kExponential, kStep };

  static Kind kind_of(const std::string& name);

  Kind kind_;
  double peak_;
  double end_;
  double warmup_init_;
  int warmup_updates_;
  int decay_updates_;
  double decay_rate_;
};

}  // namespace hub::train

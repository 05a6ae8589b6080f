#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include <mlx/array.h>

#include "core/train/gradient_buckets.h"
#include "core/train/parameter_packing.h"
#include "core/train/process_group.h"

namespace hub::train {

namespace mx = mlx::core;

// The gradient of one step, gathered over its batches. Every trained token (or pair: what batches
// weigh) counts the same, so that batches of different sizes are as good as one large batch; with
// `by_batch` every batch does, as mlx_lm/tuner/trainer.py › train accumulates. Belongs to the
// thread that owns MLX.
class GradientSum {
 public:
  explicit GradientSum(bool by_batch) : by_batch_(by_batch) {}

  // The summed loss of a batch as a float32 scalar, from parameters that may be traced; or float32
  // [1 + F], with other sums behind it, whose gradient is not asked for.
  using LossSum = std::function<mx::array(const std::vector<mx::array>& parameters)>;

  // Only builds a graph.
  void add(const LossSum& loss_sum, std::span<const mx::array> parameters, std::size_t weight);
  // Computes what was added so far, which frees the activations of the last batch.
  void evaluate() const;

  // Once, after the last add(): the gradient becomes a packed one, of zeros where there was no
  // batch. `parameters` as in add(). Only builds a graph.
  void pack(const ParameterPacking& packing, std::span<const mx::array> parameters);
  // Collective, after pack(): adds what the other ranks added, who may have had no batch; then all
  // of them have the same sums. `evaluation` as in gradient_buckets.h; at once, it is of what was
  // added, too. Numbers that are summed in the same message go in and come back.
  std::vector<std::int64_t> all_sum(
      const ProcessGroup& group, Evaluation evaluation, std::vector<std::int64_t> alongside);

  // The mean gradient, which it then no longer keeps; requires a batch. Only builds a graph.
  [[nodiscard]] std::vector<mx::array> take_mean();
  // Sum of losses, float32 scalar, and what to divide it by for their mean.
  [[nodiscard]] const mx::array& loss() const { return loss_; }
  [[nodiscard]] std::size_t weight() const { return by_batch_ ? batches_ : weight_; }
  // The other sums, float32 [F]; nullopt where no batch had any.
  [[nodiscard]] const std::optional<mx::array>& others() const { return others_; }

 private:
  bool by_batch_;
  mx::array loss_ = mx::array(0.0F);
  std::vector<mx::array> parts_;  // as the parameters, or packed
  std::optional<mx::array> others_;
  std::size_t weight_ = 0;
  std::size_t batches_ = 0;
};

}  // namespace hub::train

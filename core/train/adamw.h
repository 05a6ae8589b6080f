#pragma once

#include <span>
#include <vector>

#include <mlx/array.h>

namespace hub::train {

namespace mx = mlx::core;

struct AdamWSettings {
  // In double, since 1 - 0.999 is off by 2e-5 of itself in float.
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0.01;
  bool bias_correction = false;  // mlx.optimizers' default; PyTorch corrects
};

// Adam with decoupled weight decay (arXiv:1711.05101), step by step as mlx.optimizers.AdamW:
//   w <- w (1 - lr * decay);  m <- b1 m + (1 - b1) g;  v <- b2 v + (1 - b2) g^2;
//   w <- w - lr m / (sqrt(v) + eps)
// Only builds graphs; belongs to the thread that owns MLX.
class AdamW {
 public:
  AdamW(AdamWSettings settings, std::span<const mx::array> parameters);

  // The parameters after one update, in order; counts the update.
  std::vector<mx::array> update(
      std::span<const mx::array> parameters,
      std::span<const mx::array> gradients,
      double learning_rate);

  [[nodiscard]] int updates() const { return updates_; }
  [[nodiscard]] const std::vector<mx::array>& first() const { return first_; }
  [[nodiscard]] const std::vector<mx::array>& second() const { return second_; }
  // Goes on from saved moments, of the parameters' shapes.
  void restore(std::vector<mx::array> first, std::vector<mx::array> second, int updates);
  // First and second moments of every parameter, to be evaluated together with the parameters.
  [[nodiscard]] std::vector<mx::array> state() const;

 private:
  AdamWSettings settings_;
  std::vector<mx::array> first_;   // m, as the parameters' shapes
  std::vector<mx::array> second_;  // v
  int updates_ = 0;
};

// sqrt of the sum of all squares, float32 scalar.
mx::array global_norm(std::span<const mx::array> gradients);

// The gradients scaled down so that their global norm is at most `max_norm`
// (mlx.optimizers.clip_grad_norm); `norm` is their global_norm().
std::vector<mx::array> clip_by_norm(
    std::span<const mx::array> gradients, const mx::array& norm, float max_norm);

}  // namespace hub::train

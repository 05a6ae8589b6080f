#pragma once

#include <span>
#include <vector>

#include <mlx/array.h>

namespace hub::train {

namespace mx = mlx::core;

// sqrt of the sum of all squares, float32 scalar.
mx::array global_norm(std::span<const mx::array> gradients);

// The gradients scaled down so that their global norm is at most `max_norm`
// (mlx.optimizers.clip_grad_norm); `norm` is their global_norm().
std::vector<mx::array> clip_by_norm(
    std::span<const mx::array> gradients, const mx::array& norm, float max_norm);

}  // namespace hub::train

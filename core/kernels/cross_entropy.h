#pragma once

#include <mlx/array.h>

namespace hub::kernels {

namespace mx = mlx::core;

// loss[r] = logsumexp(logits[r]) - logits[r, targets[r]]. logits [R, V] float32, targets [R] int32
// or uint32, each below V -> [R] float32. Differentiable in logits. Shapes or dtypes that do not
// fit throw base::Error kInvalidArgument; a target out of range gives a loss of NaN for that row,
// since graphs are checked before their values are known.
mx::array cross_entropy(const mx::array& logits, const mx::array& targets);

}  // namespace hub::kernels

#pragma once

#include <mlx/array.h>

namespace hub::kernels {

namespace mx = mlx::core;

// Heads of a gated delta rule: each of the value heads has a state, and value_heads / key_heads
// neighbours read the same query and key.
struct DeltaHeads {
  int key_heads = 0;    // Hk
  int value_heads = 0;  // Hv, a multiple of Hk
  int key_dim = 0;      // Dk
  int value_dim = 0;    // Dv
};

struct DeltaStep {
  mx::array out;    // [rows, Hv * Dv]
  mx::array state;  // [Hv, Dv, Dk], after the last row
};

// The gated delta rule (arXiv:2412.06464 eq. 10) over the consecutive tokens of one sequence:
//   S = g S;  S = S + beta (v - S k) k^T;  out = S q   for each row and value head in turn.
// q and k [rows, Hk * Dk], v [rows, Hv * Dv], g (the decay) and beta [rows, Hv], state [Hv, Dv, Dk]
// before the first row; all float32. CPU: the result has the same bits however the rows are cut
// into calls, and whatever the number of threads. Not differentiable: nn/gated_delta.h trains.
// Shapes or dtypes that do not fit throw base::Error kInvalidArgument.
DeltaStep gated_delta_step(
    const mx::array& q,
    const mx::array& k,
    const mx::array& v,
    const mx::array& g,
    const mx::array& beta,
    const mx::array& state,
    const DeltaHeads& heads);

// The same by MLX's own operations: what other devices run, and the reference of the tests.
DeltaStep composed_gated_delta_step(
    const mx::array& q,
    const mx::array& k,
    const mx::array& v,
    const mx::array& g,
    const mx::array& beta,
    const mx::array& state,
    const DeltaHeads& heads);

}  // namespace hub::kernels

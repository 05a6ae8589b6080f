#pragma once

#include <optional>
#include <vector>

#include <mlx/array.h>

#include "core/kernels/cached_attention.h"

namespace hub::kernels {

// Attention of one layer in training: q [T, H * D], k and v [T, Kv * D], all float32 and before the
// rotary embedding; rows are sequences of `lengths` tokens, one after another, T together, each at
// positions 0 … length - 1 and attending to positions <= its own in its own sequence.
// rotation and sinks as in cached_attention. -> [T, H * D]. A shape that is not causal lets each
// row see its whole sequence, and then there is no gradient. Differentiable in q, k, v and sinks,
// whose gradient costs memory that grows with the square of the length; rotation counts as a
// constant, and asking for its gradient throws kInvalidArgument.
// Shapes or dtypes that do not fit throw base::Error kInvalidArgument.
mx::array causal_attention(
    const mx::array& q,
    const mx::array& k,
    const mx::array& v,
    const RotaryEmbedding& rotation,
    const std::vector<int>& lengths,
    const AttentionShape& shape,
    const std::optional<mx::array>& sinks = std::nullopt);

// The same by MLX's own operations: what other devices run, and the reference of the tests.
mx::array composed_causal_attention(
    const mx::array& q,
    const mx::array& k,
    const mx::array& v,
    const RotaryEmbedding& rotation,
    const std::vector<int>& lengths,
    const AttentionShape& shape,
    const std::optional<mx::array>& sinks = std::nullopt);

}  // namespace hub::kernels

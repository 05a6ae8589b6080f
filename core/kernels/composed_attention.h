#pragma once

#include <optional>

#include <mlx/array.h>

#include "core/kernels/cached_attention.h"

namespace hub::kernels {

// Attention by MLX's own operations, as cached_attention.h describes it: what other devices run.

// x [B, heads, L, D] with its first elements rotated, row l at position offset + l; `offset` for
// all or [B] int32.
mx::array rotary(
    const mx::array& x, const RotaryEmbedding& rotation, const AttentionShape& shape, int offset);
mx::array rotary(
    const mx::array& x,
    const RotaryEmbedding& rotation,
    const AttentionShape& shape,
    const mx::array& offset);

// q [B, H, L, D] are the last L of the S positions of k and v [B, Kv, S, D]; all rotated. Each
// looks at positions <= its own, within the window. -> [B, H, L, D]
mx::array composed_attention(
    const mx::array& q,
    const mx::array& k,
    const mx::array& v,
    const AttentionShape& shape,
    const std::optional<mx::array>& sinks);

// The same, each row looking at what `seen` says. With gap > 0 keys and values are those of
// positions [0, seen.sinks) and [seen.sinks + gap, …), of which a single row sees all.
mx::array composed_attention(
    const mx::array& q,
    const mx::array& k,
    const mx::array& v,
    const AttentionShape& shape,
    const SeenRows& seen,
    int gap,
    const std::optional<mx::array>& sinks);

// inv_freq and periods are [R / 2] with R <= D; sinks are [H] or absent.
bool rotation_fits(const RotaryEmbedding& rotation, const AttentionShape& shape);
bool sinks_fit(const std::optional<mx::array>& sinks, const AttentionShape& shape);

}  // namespace hub::kernels

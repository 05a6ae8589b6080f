#pragma once

#include <optional>
#include <vector>

#include <mlx/array.h>

#include "core/kernels/cached_attention.h"
#include "core/kernels/step_tables.h"

namespace hub::kernels {

// cached_attention() on a GPU, for arguments that fit: sequences of few rows that lie side by side
// by ragged_attention_cuda() where that takes them, the others by MLX's operations. With
// batch_invariant() all by the former; where it takes none, row by row.
CachedAttention gpu_cached_attention(
    const mx::array& q,
    const mx::array& k,
    const mx::array& v,
    const RotaryEmbedding& rotation,
    std::vector<CachedSequence> sequences,
    const AttentionShape& shape,
    const std::optional<mx::array>& sinks,
    StepTables& tables);

}  // namespace hub::kernels

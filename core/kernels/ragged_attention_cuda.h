#pragma once

#include <optional>
#include <span>
#include <vector>

#include <mlx/array.h>

#include "core/kernels/cached_attention.h"
#include "core/kernels/step_tables.h"

namespace hub::kernels {

// True where ragged_attention_cuda() takes these sequences: on CUDA, caches of floats in the type
// of q, heads of 64, 128, … elements (32, 64, … of float32).
bool has_ragged_attention(
    const mx::array& q, std::span<const CachedSequence> sequences, const AttentionShape& shape);

// cached_attention() of sequences of any lengths by a few kernels of its own, where MLX's
// operations would be a handful for each sequence. An output row has the same bits whatever the
// other rows are and how its prompt was cut into steps: its positions are taken in parts of a fixed
// size. For few rows of each sequence: every row reads its whole sequence.
//
// The returned caches are those given, written in place when `out` is evaluated: a step must be
// evaluated before another reads them. A cache array that somebody else refers to is copied first;
// one that is yet to be evaluated must be row-contiguous.
CachedAttention ragged_attention_cuda(
    const mx::array& q,
    const mx::array& k,
    const mx::array& v,
    const RotaryEmbedding& rotation,
    std::vector<CachedSequence> sequences,
    const AttentionShape& shape,
    const std::optional<mx::array>& sinks,
    StepTables& tables);

}  // namespace hub::kernels

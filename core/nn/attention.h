#pragma once

#include <optional>
#include <vector>

#include <mlx/array.h>

#include "core/kernels/cached_attention.h"
#include "core/kernels/quantized_rows.h"

namespace hub::nn {

namespace mx = mlx::core;

using kernels::AttentionShape;
using kernels::kMostSinks;
using kernels::RotaryEmbedding;
using kernels::row_width;
using kernels::RowFormat;
using kernels::RowWindow;
using kernels::StepTables;
using CachedRows = kernels::CachedSequence;
using CachedStep = kernels::CachedAttention;

// kernels/cached_attention.h for q, k, v and sinks of any float type: on CPU the arithmetic is
// float32, on a GPU in their types and those of the caches; the result has the type of q.
CachedStep cached_attention(
    const mx::array& q,
    const mx::array& k,
    const mx::array& v,
    const RotaryEmbedding& rotation,
    std::vector<CachedRows> sequences,
    const AttentionShape& shape,
    const std::optional<mx::array>& sinks = std::nullopt,
    StepTables* tables = nullptr);

// kernels/causal_attention.h likewise.
mx::array causal_attention(
    const mx::array& q,
    const mx::array& k,
    const mx::array& v,
    const RotaryEmbedding& rotation,
    const std::vector<int>& lengths,
    const AttentionShape& shape,
    const std::optional<mx::array>& sinks = std::nullopt);

// Attention of an encoder: each row sees its whole sequence, without a rotary embedding. Else as
// causal_attention, but not differentiable.
mx::array whole_attention(
    const mx::array& q,
    const mx::array& k,
    const mx::array& v,
    const std::vector<int>& lengths,
    const AttentionShape& shape);

}  // namespace hub::nn

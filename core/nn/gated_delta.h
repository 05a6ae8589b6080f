#pragma once

#include <vector>

#include <mlx/array.h>

#include "core/kernels/gated_delta.h"

namespace hub::nn {

namespace mx = mlx::core;

using kernels::DeltaHeads;

// What a layer with a gated delta rule gives for mixing its rows (arXiv:2412.06464;
// mlx_lm/models/qwen3_5.py › GatedDeltaNet). Channels are 2 Hk * Dk + Hv * Dv.
struct DeltaRows {
  mx::array qkv;        // [rows, channels]: queries, keys, values, before the convolution
  mx::array conv;       // [channels, kernel]: of the causal convolution of each channel
  mx::array log_decay;  // [rows, Hv], <= 0
  mx::array beta;       // [rows, Hv]
};

// Rows [begin, end) of them.
DeltaRows part_of(const DeltaRows& rows, int begin, int end);

// What stays of a sequence, whatever its length; both float32.
struct DeltaState {
  mx::array conv;   // [kernel - 1, channels]: the last rows before the convolution
  mx::array delta;  // [Hv, Dv, Dk]
};

// Before the first token.
DeltaState empty_delta_state(const DeltaHeads& heads, int kernel);

// Serving: the next rows of one sequence -> [rows, Hv * Dv] in the type of qkv; `state` becomes
// that after them. An output row depends neither on how the rows are cut into calls nor on what
// other sequences there are (CPU). Not differentiable.
mx::array delta_step(const DeltaRows& rows, DeltaState& state, const DeltaHeads& heads);

// Training: sequences of `lengths` tokens, one after another, each from an empty state,
// differentiable, in chunks of up to 64 tokens (arXiv:2406.06484 section 3.2 with the decay of
// arXiv:2412.06464 section 3.3), so that memory grows with the length, not with the states of all
// tokens. -> [rows, Hv * Dv].
mx::array delta_whole(
    const DeltaRows& rows, const std::vector<int>& lengths, const DeltaHeads& heads);

}  // namespace hub::nn

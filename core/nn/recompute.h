#pragma once

#include <functional>
#include <string>
#include <vector>

#include <mlx/array.h>

#include "core/nn/lora.h"

// Gradients whose intermediate results are computed twice instead of kept (arXiv:1604.06174;
// mlx_lm's grad_checkpoint). Builds graphs only; belongs to the thread that owns MLX.
namespace hub::nn {

using ArrayFunction = std::function<std::vector<mx::array>(const std::vector<mx::array>&)>;

// fn(inputs). For the backward pass only the inputs are kept; there `fn` is called again, so what
// it holds must outlive the gradient (capture by value), and it must be a pure function. The work
// waits for the gradient of the results, and the gradient of inputs[0], which goes on backward, for
// those of the other inputs: nothing of `fn` is in memory before its turn or after it.
std::vector<mx::array> recomputed(const ArrayFunction& fn, const std::vector<mx::array>& inputs);

// True when the blocks of a forward pass with these adapters go through run_block().
bool recomputes(AdapterSpans adapters);

// A part of a decoder: x [rows, width] -> [rows, width], with its own trained arrays. Called again
// in the backward pass, after the forward pass has returned.
using Block = std::function<mx::array(
    const mx::array& x, AdapterSpans adapters, const std::vector<mx::array>& weights)>;

// block(x, adapters, weights), recomputed in the backward pass where it has one. Requires
// recomputes(adapters). `prefix`: how the paths of the block's modules begin ("model.layers.3.").
// `weights`: what the block itself trains, in its own order; empty: adapters alone. Throws
// kInternal when the block depends on traced arrays that are none of x, the adapter's arrays at
// those paths and `weights`: they would get no gradient.
mx::array run_block(
    const Block& block,
    const std::string& prefix,
    const mx::array& x,
    AdapterSpans adapters,
    const std::vector<mx::array>& weights = {});

}  // namespace hub::nn

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

// A part of a decoder: x [rows, width] -> [rows, width]. Called again in the backward pass, after
// the forward pass has returned.
using Block = std::function<mx::array(const mx::array& x, AdapterSpans adapters)>;

// block(x, adapters); recomputed in the backward pass when the one adapter says so
// (LoraAdapter::recompute). `prefix`: how the paths of the block's modules begin
// ("model.layers.3."). Throws kInternal when the block depends on traced arrays that are neither x
// nor factors of those modules: they would get no gradient.
mx::array run_block(
    const Block& block, const std::string& prefix, const mx::array& x, AdapterSpans adapters);

}  // namespace hub::nn

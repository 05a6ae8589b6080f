#pragma once

#include <optional>
#include <span>
#include <string>
#include <unordered_map>

#include <mlx/array.h>

namespace hub::nn {

namespace mx = mlx::core;

// The two factors of one adapted layer: y += scale * (x A) B (arXiv:2106.09685 eq. 3;
// mlx_lm/tuner/lora.py).
struct LoraWeights {
  mx::array a;  // [in, rank] float32
  mx::array b;  // [rank, out] float32
};

// One adapter over a model. In training the arrays are the traced inputs of the gradient function.
struct LoraAdapter {
  float scale = 20.0F;
  std::unordered_map<std::string, LoraWeights>
      layers;                            // by module path: "model.layers.3.self_attn.q_proj"
  float dropout = 0.0F;                  // training only; on the adapter's input
  std::optional<mx::array> dropout_key;  // [2] uint32; required when dropout > 0
  bool recompute = false;                // training only: run_block() keeps no activations
};

// Rows [begin, end) of a step use this adapter; rows in no span use the base alone. Spans do not
// overlap and are in row order.
struct AdapterSpan {
  const LoraAdapter* adapter;
  int begin;
  int end;
};
using AdapterSpans = std::span<const AdapterSpan>;

// y [rows, out] plus what the adapters add for the module at `path`, whose input was x [rows, in]:
// y[span] += scale * (dropout(x[span]) A) B. Rows in no span keep their bits. In training, dropout
// draws from `dropout_key` and the path, so each module has its own mask.
mx::array add_adapters(
    const mx::array& y, const mx::array& x, const std::string& path, AdapterSpans adapters);

// The factors of the module at `path` when one adapter without dropout covers all rows of x and
// kernels::adapted() can add them together with the module's own product; else nullptr.
const LoraWeights* fusable_adapter(
    const mx::array& x, const std::string& path, AdapterSpans adapters);

}  // namespace hub::nn

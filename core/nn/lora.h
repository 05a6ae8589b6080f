#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>

#include <mlx/array.h>

namespace hub::nn {

namespace mx = mlx::core;

// The two factors of one adapted layer: y += scale * (x A) B (arXiv:2106.09685 eq. 3;
// mlx_lm/tuner/lora.py).
// Of a switch linear a is [experts, rank, in] and b [experts, out, rank].
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
};

// Rows [begin, end) of a step use this adapter; rows in no span use the base alone. Spans do not
// overlap and are in row order.
struct AdapterSpan {
  const LoraAdapter* adapter;
  int begin;
  int end;
};
using AdapterSpans = std::span<const AdapterSpan>;

// Rows [begin, end) along the first axis.
struct Rows {
  int begin;
  int end;
};
mx::array rows_of(const mx::array& x, Rows rows);

// What the factors of one adapter make of some rows, before the scale.
using AdapterDelta =
    std::function<mx::array(const LoraAdapter& adapter, const LoraWeights& factors, Rows rows)>;

// y plus scale * delta in the rows of each span whose adapter has the module at `path`; the other
// rows keep their bits.
mx::array add_to_spans(
    const mx::array& y, const std::string& path, AdapterSpans adapters, const AdapterDelta& delta);

// x as an adapter's factors of the module at `path` see it: float32, in training with dropout,
// which draws from `dropout_key` and the path, so each module has its own mask.
mx::array adapter_input(const LoraAdapter& adapter, const mx::array& x, const std::string& path);

// y [rows, out] plus what the adapters add for the module at `path`, whose input was x [rows, in]:
// y[span] += scale * (dropout(x[span]) A) B.
mx::array add_adapters(
    const mx::array& y, const mx::array& x, const std::string& path, AdapterSpans adapters);

}  // namespace hub::nn

#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>

#include <mlx/array.h>

namespace hub::nn {

namespace mx = mlx::core;

// DoRA's part of an adapted module (arXiv:2402.09353 eq. 5; mlx_lm/tuner/dora.py): each row of the
// adapted weight is scaled to its own magnitude.
struct Magnitudes {
  mx::array m;     // [rows of the weight] float32, trained
  mx::array gain;  // [rows of the weight] float32: m over the norm of the adapted weight's rows
};

// The two factors of one adapted module: y += scale * (x A) B (arXiv:2106.09685 eq. 3;
// mlx_lm/tuner/lora.py). Of a switch linear a is [experts, rank, in] and b [experts, out, rank].
struct LoraWeights {
  mx::array a;  // [in, rank] float32; of the embedding table [vocabulary, rank]
  mx::array b;  // [rank, out] float32; of the embedding table [rank, width]
  std::optional<Magnitudes> dora = std::nullopt;
};

// One adapter over a model. In training the arrays are the traced inputs of the gradient function.
struct LoraAdapter {
  float scale = 20.0F;
  std::unordered_map<std::string, LoraWeights>
      layers;                            // by module path: "model.layers.3.self_attn.q_proj"
  float dropout = 0.0F;                  // training only; on the adapter's input
  std::optional<mx::array> dropout_key;  // [2] uint32; required when dropout > 0
  bool recompute = false;                // training only: blocks keep no activations (recompute.h)
  std::string digest = {};               // names its contents, for what outlives it; "": not known
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

// What one adapter makes of the rows y of its span.
using AdapterChange = std::function<mx::array(
    const mx::array& y, const LoraAdapter& adapter, const LoraWeights& weights, Rows rows)>;

// y with the rows of each span whose adapter has the module at `path` changed; the other rows keep
// their bits. Throws kInternal for spans out of order.
mx::array change_spans(
    const mx::array& y,
    const std::string& path,
    AdapterSpans adapters,
    const AdapterChange& change);

// x as an adapter's factors of the module at `path` see it: float32, in training with dropout,
// which draws from `dropout_key` and the path, so each module has its own mask.
mx::array adapter_input(const LoraAdapter& adapter, const mx::array& x, const std::string& path);

// y [rows, out] plus what the adapters add for the module at `path`, whose input was x [rows, in]
// and whose bias is not in y yet: y[span] = (y[span] + scale * (adapter_input(x[span]) A) B) *
// gain.
mx::array add_adapters(
    const mx::array& y, const mx::array& x, const std::string& path, AdapterSpans adapters);

// The same for the rows y [rows, width] of the embedding table that `tokens` [rows] picked:
// (y + dropout(scale * A[tokens] B)) * gain[tokens].
mx::array add_embedding_adapters(
    const mx::array& y, const mx::array& tokens, const std::string& path, AdapterSpans adapters);

// The same where the embedding table is the output head: y [rows, vocabulary] of x [rows, width]:
// (y + scale * (dropout(x) B^T) A^T) * gain.
mx::array add_tied_head_adapters(
    const mx::array& y, const mx::array& x, const std::string& path, AdapterSpans adapters);

// The factors of the linear at `path` when one adapter without dropout and magnitudes covers all
// rows of x and kernels::adapted() can add them together with the linear's own product; else
// nullptr.
const LoraWeights* fusable_adapter(
    const mx::array& x, const std::string& path, AdapterSpans adapters);

}  // namespace hub::nn

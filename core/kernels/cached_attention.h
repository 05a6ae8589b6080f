#pragma once

#include <optional>
#include <vector>

#include <mlx/array.h>

#include "core/kernels/row_format.h"
#include "core/kernels/row_window.h"
#include "core/kernels/step_tables.h"

namespace hub::kernels {

namespace mx = mlx::core;

struct AttentionShape {
  int heads = 0;       // query heads H, a multiple of kv_heads
  int kv_heads = 0;    // Kv
  int head_dim = 0;    // D, even
  float scale = 1.0F;  // of the scores, usually 1 / sqrt(D)
  // Which elements of a head the rotary embedding pairs: (2i, 2i + 1) if traditional, else
  // (i, i + D/2) as in mlx_lm/models/llama.py.
  bool rope_traditional = false;
  float rope_scale = 1.0F;  // of the rotated elements of queries and keys (long contexts)
  int window = 0;      // a row sees its own position and the `window - 1` before; 0: all before
  bool causal = true;  // false: a row sees its whole sequence (causal_attention.h); no window then
};

// The rotary embedding of a layer (arXiv:2104.09864): pair i of a head at position p turns by
// p * inv_freq[i].
struct RotaryEmbedding {
  mx::array inv_freq;  // [R / 2] float32: the first R <= D elements of a head turn; R = 0: none

  // The same angles in the words in which mlx-lm gives them to MLX's own operation, which rounds
  // each differently: base^(-2i / R) * position_scale, else 1 / periods[i], else those above.
  std::optional<float> base = std::nullopt;
  float position_scale = 1.0F;
  std::optional<mx::array> periods = std::nullopt;  // [R / 2] float32
};

// One sequence's part in a step: `rows` consecutive tokens at positions position, position + 1, …
// Rows [0, position) of the cache arrays hold what earlier steps wrote; position + rows <=
// capacity.
struct CachedSequence {
  mx::array keys;    // [Kv, capacity, D] float32, after the rotary embedding
  mx::array values;  // [Kv, capacity, D] float32
  int rows;
  int position;
  // With bits the arrays are [Kv, capacity, row_width] uint32 (quantized_rows.h), and what is
  // attended to is what they hold: the step's own rows are rounded, too.
  RowFormat format{};
  // Rows [position - window.dropped, …) of the arrays are then those of the step.
  RowWindow window{};
  // The step before this one still writes the arrays on the device: it alone refers to them.
  bool in_flight = false;
};

struct CachedAttention {
  struct Layer {
    mx::array keys;
    mx::array values;
  };
  mx::array out;              // [T, H * D]
  std::vector<Layer> caches;  // per sequence, the arrays to keep for the next step
};

// One layer's attention in a serving step. q [T, H * D], k and v [T, Kv * D], all float32 and
// before the rotary embedding; T is the sum of all `rows`, sequence after sequence. Each row
// attends to its own sequence's positions <= its own, within the windows. sinks [H] float32: a
// score for each query head that takes part in the softmax and adds no value (arXiv:2309.17453,
// learned).
//
// A cache array that nobody else refers to when the step is evaluated is updated in place,
// otherwise copied: move it in (std::move(layer.keys)) and keep the returned one. CPU: an output
// row has the same bits whatever the other sequences, how its prompt was cut into steps, and the
// number of threads. Elsewhere gpu_attention.h computes: there a cache of many sequences is written
// in place when `out` is evaluated, so evaluate a step before another reads its caches. `tables`:
// what the step's layers share on a GPU; null: nothing. Not differentiable. Shapes, dtypes or
// formats that do not fit throw base::Error kInvalidArgument.
CachedAttention cached_attention(
    const mx::array& q,
    const mx::array& k,
    const mx::array& v,
    const RotaryEmbedding& rotation,
    std::vector<CachedSequence> sequences,
    const AttentionShape& shape,
    const std::optional<mx::array>& sinks = std::nullopt,
    StepTables* tables = nullptr);

// The same by MLX's own operations: what other devices run, and the reference of the tests.
CachedAttention composed_cached_attention(
    const mx::array& q,
    const mx::array& k,
    const mx::array& v,
    const RotaryEmbedding& rotation,
    const std::vector<CachedSequence>& sequences,
    const AttentionShape& shape,
    const std::optional<mx::array>& sinks = std::nullopt);

}  // namespace hub::kernels

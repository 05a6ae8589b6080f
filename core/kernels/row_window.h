#pragma once

#include <algorithm>

namespace hub::kernels {

// Attention to a window with sinks (StreamingLLM, arXiv:2309.17453; RotatingKVCache of
// mlx_lm/models/cache.py): a row at position p sees positions [0, sinks) and (p - rows, p].
// Positions stay what they are in the sequence, for the rotary embedding too.
struct RowWindow {
  int rows = 0;     // 0: a row sees all before it
  int sinks = 0;    // at most kMostSinks
  int dropped = 0;  // positions [sinks, sinks + dropped) have no rows in the cache: the row of a
                    // later position p is p - dropped
};

// Positions of the attention kernel's tile (cpu_ops.h), since the sinks lie in one; where rows were
// dropped, sinks + dropped is a multiple of it, too.
inline constexpr int kMostSinks = 64;

// What rows of one layer see. A layer with a window of its own has no sinks.
struct SeenRows {
  int window = 0;  // 0: all
  int sinks = 0;
};
inline SeenRows seen_rows(int layer_window, const RowWindow& window) {
  if (layer_window > 0 && window.rows > 0) {
    return {std::min(layer_window, window.rows), 0};
  }
  return layer_window > 0 ? SeenRows{layer_window, 0} : SeenRows{window.rows, window.sinks};
}

}  // namespace hub::kernels

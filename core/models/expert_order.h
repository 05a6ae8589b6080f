#pragma once

#include <mlx/array.h>

#include "core/nn/lora.h"

namespace hub::models {

namespace mx = mlx::core;

// Rows brought into the order of the experts that a router chose for them, so that a GPU multiplies
// the rows of one expert at once (mlx_lm/models/switch_layers.py › _gather_sort, _scatter_unsort).
// Builds graphs only.
class ExpertOrder {
 public:
  // Whether it is worth sorting: on a GPU, from as many choices on as in mlx-lm. Never where
  // adapters differ from row to row, which sorting would mix.
  static bool pays(const mx::array& experts, nn::AdapterSpans adapters);

  // experts [rows, k]; no gradient.
  explicit ExpertOrder(const mx::array& experts);

  // [rows * k, 1], ascending.
  [[nodiscard]] const mx::array& experts() const { return experts_; }
  // x [rows, width] -> [rows * k, 1, width]: a row once for each of its experts. The gradient adds
  // a row's up in the order of its choices, without a scatter.
  [[nodiscard]] mx::array by_expert(const mx::array& x) const;
  // y [rows * k, 1, width] in that order -> [rows, k, width].
  [[nodiscard]] mx::array by_row(const mx::array& y) const;

 private:
  int rows_;
  int choices_;
  mx::array order_;    // [rows * k]: the choice that stands there
  mx::array inverse_;  // [rows * k]: where a choice stands
  mx::array experts_;
};

}  // namespace hub::models

#pragma once

#include <mlx/array.h>

namespace hub::nn {

namespace mx = mlx::core;

// (x - mean) / sqrt(variance + eps) * weight + bias for each row (arXiv:1607.06450). x [rows,
// width]
// -> same.
class LayerNorm {
 public:
  LayerNorm(mx::array weight, mx::array bias, float eps);

  [[nodiscard]] mx::array operator()(const mx::array& x) const;

 private:
  mx::array weight_;  // [width]
  mx::array bias_;    // [width]
  float eps_;
};

}  // namespace hub::nn

#pragma once

#include <string>

#include <mlx/array.h>

namespace hub::nn {

namespace mx = mlx::core;

// x / sqrt(mean(x^2) + eps) * (weight + offset) for each row (arXiv:1910.07467); the offset is 0,
// or 1 where weights are stored as their distance from 1 (Gemma). x [rows, width] -> same.
class RmsNorm {
 public:
  RmsNorm(std::string path, mx::array weight, float eps, float offset = 0.0F);

  [[nodiscard]] mx::array operator()(const mx::array& x) const;
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] int width() const { return weight_.shape(0); }

 private:
  std::string path_;
  mx::array weight_;  // [width]
  float eps_;
  float offset_;
};

}  // namespace hub::nn

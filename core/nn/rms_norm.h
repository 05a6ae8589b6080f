#pragma once

#include <string>

#include <mlx/array.h>

namespace hub::nn {

namespace mx = mlx::core;

// x / sqrt(mean(x^2) + eps) * weight for each row (arXiv:1910.07467). x [rows, width] -> same.
class RmsNorm {
 public:
  RmsNorm(std::string path, mx::array weight, float eps);

  [[nodiscard]] mx::array operator()(const mx::array& x) const;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
  mx::array weight_;  // [width]
  float eps_;
};

}  // namespace hub::nn

#pragma once

#include <optional>
#include <span>
#include <vector>

#include "core/model_config/pooling.h"

namespace hub::engine {

// One text's vector, made of its tokens' hidden states row by row. Sums run in double and in order,
// so that it does not matter how the rows came.
class Pool {
 public:
  explicit Pool(model_config::Pooling pooling) : pooling_(pooling) {}

  // The next token's row. All rows are of one width.
  void add(std::span<const float> row);

  // Of the rows so far (at least one): its first `dimensions` elements, absent: all; with
  // `normalize` scaled to length 1, unless it is nothing but zeros.
  [[nodiscard]] std::vector<float> vector(std::optional<int> dimensions, bool normalize) const;

 private:
  model_config::Pooling pooling_;
  std::vector<double> sum_;  // [width]
  int rows_ = 0;
};

}  // namespace hub::engine

#include "core/engine/pool.h"

#include <cmath>

namespace hub::engine {

using model_config::Pooling;

void Pool::add(std::span<const float> row) {
  ++rows_;
  if (pooling_ == Pooling::kMean && rows_ > 1) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      sum_[i] += static_cast<double>(row[i]);
    }
  } else if (pooling_ != Pooling::kCls || rows_ == 1) {
    sum_.assign(row.begin(), row.end());
  }
}

std::vector<float> Pool::vector(std::optional<int> dimensions, bool normalize) const {
  const std::size_t width = dimensions ? static_cast<std::size_t>(*dimensions) : sum_.size();
  double divisor = pooling_ == Pooling::kMean ? rows_ : 1.0;
  if (normalize) {
    double squares = 0.0;
    for (std::size_t i = 0; i < width; ++i) {
      squares += sum_[i] * sum_[i];
    }
    divisor = squares > 0.0 ? std::sqrt(squares) : 1.0;
  }
  std::vector<float> result(width);
  for (std::size_t i = 0; i < width; ++i) {
    result[i] = static_cast<float>(sum_[i] / divisor);
  }
  return result;
}

}  // namespace hub::engine

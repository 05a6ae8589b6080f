#include "core/data/row_sizes.h"

#include <algorithm>
#include <functional>

namespace hub::data {

RowSizes::RowSizes(std::span<const RowCounts> rows) : count_(rows.size()) {
  for (const RowCounts& row : rows) {
    lengths_.push_back(row.tokens);
    trained_.push_back(row.trained);
    if (row.rejected_tokens > 0) {
      lengths_.push_back(row.rejected_tokens);
      trained_.push_back(row.rejected_trained);
      sequences_a_row_ = 2;
    }
  }
  std::sort(lengths_.begin(), lengths_.end(), std::greater<>());
  std::sort(trained_.begin(), trained_.end(), std::greater<>());
}

RowSizes::Batch RowSizes::largest_batch(
    int batch_size, int max_tokens, std::uint64_t pad_multiple) const {
  const auto cut = static_cast<std::size_t>(std::max(1, max_tokens));
  const std::size_t rows = std::min(
      lengths_.size(), sequences_a_row_ * static_cast<std::size_t>(std::max(1, batch_size)));
  const std::uint64_t longest = std::min(this->longest(), cut);
  Batch batch;
  batch.tokens = rows * ((longest + pad_multiple - 1) / pad_multiple * pad_multiple);
  for (std::size_t i = 0; i < rows; ++i) {
    batch.trained += std::min(trained_[i], cut);
  }
  return batch;
}

}  // namespace hub::data

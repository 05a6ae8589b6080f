#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/data/examples.h"

namespace hub::data {

// How long a data set's rows are, in tokens: what a training's memory depends on.
class RowSizes {
 public:
  explicit RowSizes(std::span<const RowCounts> rows);

  struct Batch {
    std::uint64_t tokens = 0;   // inputs with their padding
    std::uint64_t trained = 0;  // targets that the loss counts
  };
  // No batch of `batch_size` rows, each cut to `max_tokens` and padded to a multiple of
  // `pad_multiple` of the longest, has more. A preference row is two sequences.
  [[nodiscard]] Batch largest_batch(
      int batch_size, int max_tokens, std::uint64_t pad_multiple) const;

  [[nodiscard]] std::size_t count() const { return count_; }
  [[nodiscard]] std::size_t longest() const { return lengths_.empty() ? 0 : lengths_.front(); }

 private:
  std::size_t count_;
  std::size_t sequences_a_row_ = 1;
  std::vector<std::size_t> lengths_;  // of sequences, longest first
  std::vector<std::size_t> trained_;  // most first
};

}  // namespace hub::data

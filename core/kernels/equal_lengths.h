#pragma once

#include <cstddef>
#include <vector>

#include <mlx/array.h>
#include <mlx/ops.h>

namespace hub::kernels {

// Rows of several sequences below each other, which MLX's operations take only as batches of one
// length: calls work(first row, sequences, rows of each) for each stretch of neighbours of equal
// length and puts the results below each other. `lengths` is not empty.
template <typename Work>
mlx::core::array in_batches_of_equal_length(const std::vector<int>& lengths, const Work& work) {
  std::vector<mlx::core::array> parts;
  int row = 0;
  for (std::size_t begin = 0; begin < lengths.size();) {
    std::size_t end = begin + 1;
    while (end < lengths.size() && lengths[end] == lengths[begin]) {
      ++end;
    }
    const int batch = static_cast<int>(end - begin);
    parts.push_back(work(row, batch, lengths[begin]));
    row += batch * lengths[begin];
    begin = end;
  }
  return parts.size() == 1 ? parts.front() : mlx::core::concatenate(parts, 0);
}

}  // namespace hub::kernels

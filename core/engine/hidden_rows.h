#pragma once

#include <deque>
#include <utility>
#include <vector>

#include <mlx/array.h>
#include <mlx/ops.h>

#include "core/nn/lora.h"

namespace hub::engine {

// Hidden states of consecutive tokens of a sequence, each [rows, hidden_size] as a step gave them.
// Belongs to the thread that owns MLX.
class HiddenRows {
 public:
  [[nodiscard]] int size() const { return size_; }

  void add(mlx::core::array rows) {
    size_ += rows.shape(0);
    pieces_.push_back(std::move(rows));
  }

  // The `count` oldest, 0 < count <= size(), which it then no longer holds -> [count, hidden_size].
  mlx::core::array take(int count) {
    size_ -= count;
    std::vector<mlx::core::array> taken;
    while (count > 0) {
      mlx::core::array& oldest = pieces_.front();
      const int rows = oldest.shape(0);
      if (rows > count) {
        taken.push_back(nn::rows_of(oldest, {0, count}));
        oldest = nn::rows_of(oldest, {count, rows});
        break;
      }
      taken.push_back(std::move(oldest));
      pieces_.pop_front();
      count -= rows;
    }
    return taken.size() == 1 ? taken.front() : mlx::core::concatenate(taken, 0);
  }

 private:
  std::deque<mlx::core::array> pieces_;
  int size_ = 0;
};

}  // namespace hub::engine

#pragma once

#include <map>
#include <vector>

#include <mlx/array.h>

namespace hub::kernels {

// Tables of integers that the layers of one step have in common, each made and sent to the device
// once. Lives as long as its step; belongs to the thread that owns MLX.
class StepTables {
 public:
  // `values` as an array [rows, values.size() / rows] int32; rows >= 1 divides their number.
  mlx::core::array table(const std::vector<int>& values, int rows) {
    const auto found = tables_.find(values);
    if (found != tables_.end()) {
      return found->second;
    }
    const int columns = static_cast<int>(values.size()) / rows;
    const mlx::core::array made(values.data(), {rows, columns}, mlx::core::int32);
    return tables_.insert({values, made}).first->second;
  }

 private:
  std::map<std::vector<int>, mlx::core::array> tables_;
};

}  // namespace hub::kernels

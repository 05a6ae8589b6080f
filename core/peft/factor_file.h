#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/model_config/safetensors_header.h"

namespace hub::peft {

// A small matrix, row by row.
struct Factor {
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  std::vector<float> values;

  [[nodiscard]] Factor transposed() const;
};

// A matrix of a safetensors file in float32; float16 and bfloat16 are widened, which is exact.
// Throws kUnprocessable for anything else, and for a file that ends inside it.
Factor read_factor(const std::filesystem::path& file, const model_config::TensorInfo& tensor);

}  // namespace hub::peft

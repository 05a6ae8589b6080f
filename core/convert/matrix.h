#pragma once

#include <optional>
#include <string>
#include <vector>

#include <mlx/array.h>

#include "core/convert/model_writer.h"
#include "core/convert/weight_folder.h"
#include "core/model_config/model_config.h"

namespace hub::convert {

// A matrix of a model folder as it lies there, or a stack of them, one for each expert:
// `<path>.weight`, with `.scales` and `.biases` where it is packed.
struct Matrix {
  std::string path;
  std::int64_t experts = 0;  // 0: no stack
  std::int64_t rows = 0;
  std::int64_t columns = 0;  // unpacked
  std::optional<model_config::Quantization> packing;
  mx::Dtype dtype = mx::float32;  // of its values; packed ones: of what unpacking gives

  // Names of its tensors in the folder.
  [[nodiscard]] std::vector<std::string> tensors() const;
  [[nodiscard]] std::uint64_t parameters() const;
  // [experts, rows, width] or [rows, width]
  [[nodiscard]] std::vector<std::int64_t> shape(std::int64_t width) const;
};

// What `tensor` ("….weight") is; nullopt for what is no matrix of floats or packed words, as a
// convolution's weight. Throws
// kUnprocessable for packed words that config.json does not explain.
std::optional<Matrix> matrix_of(
    const WeightFolder& folder,
    const model_config::ModelConfig& config,
    const model_config::TensorInfo& tensor);

// Its values, of shape(columns), in `dtype`, evaluated.
mx::array read_values(WeightFolder& folder, const Matrix& matrix);

// What packing its values of type `dtype` gives: weight, scales, and biases where the mode has
// them, as MLX types them.
std::vector<model_config::PlannedTensor> packed_outputs(
    const Matrix& matrix, const model_config::Quantization& packing, mx::Dtype dtype);
// The tensors themselves, evaluated.
std::vector<mx::array> pack(const mx::array& values, const model_config::Quantization& packing);
// The values again, in `pack`'s input type or bfloat16, evaluated.
mx::array unpack(const std::vector<mx::array>& packed, const model_config::Quantization& packing);

}  // namespace hub::convert

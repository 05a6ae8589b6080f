#include "core/convert/matrix.h"

#include <algorithm>

#include <fmt/format.h>
#include <mlx/ops.h>
#include <mlx/transforms.h>

#include "core/base/error.h"
#include "core/model_config/layer_shape.h"
#include "core/models/adaptable.h"
#include "core/tensor/ops.h"

namespace hub::convert {
namespace {

using model_config::PlannedTensor;
using model_config::Quantization;
using model_config::TensorInfo;

constexpr std::string_view kWeight = ".weight";

bool is_affine(const Quantization& packing) {
  return packing.mode == "affine";
}

bool is_float(const std::string& dtype) {
  return dtype == "F32" || dtype == "F16" || dtype == "BF16";
}

// Whether the module at `path` has a weight for each expert.
bool has_experts(const model_config::ModelConfig& config, const std::string& path) {
  const models::LayerPath place = models::split_path(path);
  if (!place.layer || *place.layer >= config.num_hidden_layers) {
    return false;
  }
  const auto linears = model_config::layer_shape(config, *place.layer).linears;
  return std::any_of(linears.begin(), linears.end(), [&](const auto& linear) {
    return linear.experts > 0 && linear.name == place.relative;
  });
}

}  // namespace

std::vector<std::string> Matrix::tensors() const {
  std::vector<std::string> names{path + ".weight"};
  if (packing) {
    names.push_back(path + ".scales");
    if (is_affine(*packing)) {
      names.push_back(path + ".biases");
    }
  }
  return names;
}

std::uint64_t Matrix::parameters() const {
  const std::uint64_t one = static_cast<std::uint64_t>(rows) * static_cast<std::uint64_t>(columns);
  return experts > 0 ? one * static_cast<std::uint64_t>(experts) : one;
}

std::vector<std::int64_t> Matrix::shape(std::int64_t width) const {
  return experts > 0 ? std::vector{experts, rows, width} : std::vector{rows, width};
}

std::optional<Matrix> matrix_of(
    const WeightFolder& folder, const model_config::ModelConfig& config, const TensorInfo& tensor) {
  const std::size_t dimensions = tensor.shape.size();
  if (!tensor.name.ends_with(kWeight) || (dimensions != 2 && dimensions != 3)) {
    return std::nullopt;
  }
  Matrix matrix;
  matrix.path = tensor.name.substr(0, tensor.name.size() - kWeight.size());
  if (dimensions == 3) {
    if (!has_experts(config, matrix.path)) {
      return std::nullopt;
    }
    matrix.experts = tensor.shape[0];
  }
  matrix.rows = tensor.shape[dimensions - 2];
  matrix.columns = tensor.shape[dimensions - 1];
  const TensorInfo* scales = folder.find(matrix.path + ".scales");
  if (scales == nullptr) {
    if (!is_float(tensor.dtype)) {
      return std::nullopt;
    }
    matrix.dtype = dtype_from(tensor.dtype);
    return matrix;
  }
  // The tensors alone do not say: 4 bits in groups of 64 and 8 bits in groups of 32 look alike.
  const auto stated = config.quantization_of(matrix.path);
  if (stated && scales->shape.size() == dimensions &&
      matrix.columns * 32 == scales->shape.back() * stated->group_size * stated->bits) {
    matrix.columns = scales->shape.back() * stated->group_size;
    matrix.packing = stated;
    matrix.dtype = is_affine(*stated) ? dtype_from(scales->dtype) : mx::bfloat16;
    return matrix;
  }
  throw base::Error(
      base::ErrorCode::kUnprocessable,
      fmt::format(
          "{} is {} with scales {}, which config.json does not explain",
          tensor.name,
          tensor.describe(),
          scales->describe()));
}

mx::array read_values(WeightFolder& folder, const Matrix& matrix) {
  if (!matrix.packing) {
    return folder.take(matrix.path + ".weight");
  }
  std::vector<mx::array> parts;
  for (const std::string& name : matrix.tensors()) {
    parts.push_back(folder.take(name));
  }
  return unpack(parts, *matrix.packing);
}

std::vector<PlannedTensor> packed_outputs(
    const Matrix& matrix, const Quantization& packing, mx::Dtype dtype) {
  const auto groups = matrix.shape(matrix.columns / packing.group_size);
  const auto scales_dtype = is_affine(packing) ? dtype : mx::uint8;
  std::vector<PlannedTensor> outputs{
      planned(
          matrix.path + ".weight", matrix.shape(matrix.columns * packing.bits / 32), mx::uint32),
      planned(matrix.path + ".scales", groups, scales_dtype)};
  if (is_affine(packing)) {
    outputs.push_back(planned(matrix.path + ".biases", groups, dtype));
  }
  return outputs;
}

std::vector<mx::array> pack(const mx::array& values, const Quantization& packing) {
  const auto packed = tensor::quantize(values, packing.group_size, packing.bits, packing.mode);
  std::vector<mx::array> parts{packed.weight, packed.scales};
  if (packed.biases) {
    parts.push_back(*packed.biases);
  }
  for (mx::array& part : parts) {
    part = mx::contiguous(part);
  }
  mx::eval(parts);
  return parts;
}

mx::array unpack(const std::vector<mx::array>& packed, const Quantization& packing) {
  const auto biases = packed.size() > 2 ? std::optional(packed.at(2)) : std::nullopt;
  mx::array values = tensor::dequantize(
      packed.at(0), packed.at(1), biases, packing.group_size, packing.bits, packing.mode);
  values.eval();
  return values;
}

}  // namespace hub::convert

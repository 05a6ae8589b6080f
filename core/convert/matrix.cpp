#include "core/convert/matrix.h"

#include <fmt/format.h>
#include <mlx/ops.h>
#include <mlx/transforms.h>

#include "core/base/error.h"
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
  return static_cast<std::uint64_t>(rows) * static_cast<std::uint64_t>(columns);
}

std::optional<Matrix> matrix_of(
    const WeightFolder& folder, const model_config::ModelConfig& config, const TensorInfo& tensor) {
  if (!tensor.name.ends_with(kWeight) || tensor.shape.size() != 2) {
    return std::nullopt;
  }
  Matrix matrix;
  matrix.path = tensor.name.substr(0, tensor.name.size() - kWeight.size());
  matrix.rows = tensor.shape[0];
  matrix.columns = tensor.shape[1];
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
  if (stated && scales->shape.size() == 2 &&
      tensor.shape[1] * 32 == scales->shape[1] * stated->group_size * stated->bits) {
    matrix.columns = scales->shape[1] * stated->group_size;
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
  const std::vector<std::int64_t> groups{matrix.rows, matrix.columns / packing.group_size};
  const auto scales_dtype = is_affine(packing) ? dtype : mx::uint8;
  std::vector<PlannedTensor> outputs{
      planned(
          matrix.path + ".weight", {matrix.rows, matrix.columns * packing.bits / 32}, mx::uint32),
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

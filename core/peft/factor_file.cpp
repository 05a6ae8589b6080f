#include "core/peft/factor_file.h"

#include <bit>
#include <cstring>
#include <fstream>

#include <fmt/format.h>

#include "core/base/error.h"
#include "core/base/half.h"

namespace hub::peft {
namespace {

std::string read_bytes(const std::filesystem::path& file, const model_config::TensorInfo& tensor) {
  std::ifstream input(file, std::ios::binary);
  input.seekg(static_cast<std::streamoff>(tensor.begin));
  std::string bytes(tensor.bytes(), '\0');
  if (!input.read(bytes.data(), static_cast<std::streamsize>(bytes.size()))) {
    throw base::Error(
        base::ErrorCode::kUnprocessable,
        fmt::format("{} ends inside tensor '{}'", file.string(), tensor.name));
  }
  return bytes;
}

std::uint16_t half_at(const std::string& bytes, std::size_t index) {
  std::uint16_t half = 0;
  std::memcpy(&half, bytes.data() + index * sizeof(half), sizeof(half));
  return half;
}

}  // namespace

Factor Factor::transposed() const {
  Factor result{.rows = columns, .columns = rows, .values = std::vector<float>(values.size())};
  for (std::int64_t row = 0; row < rows; ++row) {
    for (std::int64_t column = 0; column < columns; ++column) {
      result.values[static_cast<std::size_t>(column * rows + row)] =
          values[static_cast<std::size_t>(row * columns + column)];
    }
  }
  return result;
}

Factor read_factor(const std::filesystem::path& file, const model_config::TensorInfo& tensor) {
  const bool is_float = tensor.dtype == "F32" || tensor.dtype == "F16" || tensor.dtype == "BF16";
  if (tensor.shape.size() != 2 || !is_float) {
    throw base::Error(
        base::ErrorCode::kUnprocessable,
        fmt::format("{} is {}, wanted a matrix of floats", tensor.name, tensor.describe()));
  }
  Factor factor{.rows = tensor.shape[0], .columns = tensor.shape[1], .values = {}};
  factor.values.resize(static_cast<std::size_t>(factor.rows * factor.columns));
  const std::string bytes = read_bytes(file, tensor);
  if (tensor.dtype == "F32") {
    std::memcpy(factor.values.data(), bytes.data(), bytes.size());
    return factor;
  }
  for (std::size_t i = 0; i < factor.values.size(); ++i) {
    const std::uint16_t half = half_at(bytes, i);
    factor.values[i] = tensor.dtype == "F16"
                           ? base::half_to_float(half)
                           : std::bit_cast<float>(static_cast<std::uint32_t>(half) << 16U);
  }
  return factor;
}

}  // namespace hub::peft

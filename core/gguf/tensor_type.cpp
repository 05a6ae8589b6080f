#include "core/gguf/tensor_type.h"

#include <algorithm>
#include <array>

#include "core/base/error.h"

namespace hub::gguf {
namespace {

constexpr std::array<TypeTraits, 13> kTypes{{
    {TensorType::kF32, "F32", 1, 4},
    {TensorType::kF16, "F16", 1, 2},
    {TensorType::kBF16, "BF16", 1, 2},
    {TensorType::kQ40, "Q4_0", 32, 18},
    {TensorType::kQ41, "Q4_1", 32, 20},
    {TensorType::kQ50, "Q5_0", 32, 22},
    {TensorType::kQ51, "Q5_1", 32, 24},
    {TensorType::kQ80, "Q8_0", 32, 34},
    {TensorType::kQ2K, "Q2_K", 256, 84},
    {TensorType::kQ3K, "Q3_K", 256, 110},
    {TensorType::kQ4K, "Q4_K", 256, 144},
    {TensorType::kQ5K, "Q5_K", 256, 176},
    {TensorType::kQ6K, "Q6_K", 256, 210},
}};

}  // namespace

const TypeTraits* find_type(std::uint32_t number) {
  const auto* found = std::find_if(kTypes.begin(), kTypes.end(), [number](const TypeTraits& one) {
    return static_cast<std::uint32_t>(one.type) == number;
  });
  return found == kTypes.end() ? nullptr : found;
}

const TypeTraits& traits(TensorType type) {
  const TypeTraits* found = find_type(static_cast<std::uint32_t>(type));
  if (found == nullptr) {
    throw base::Error(base::ErrorCode::kInternal, "a tensor type without traits");
  }
  return *found;
}

}  // namespace hub::gguf

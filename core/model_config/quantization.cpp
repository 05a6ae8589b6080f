#include "core/model_config/quantization.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/base/error.h"

namespace hub::model_config {
namespace {

constexpr std::array<std::string_view, 4> kModes{"affine", "mxfp4", "nvfp4", "mxfp8"};

// Modes besides affine have exactly one bits and group size each.
bool is_fixed(const Quantization& quantization) {
  const Quantization fixed = default_quantization(quantization.mode);
  return quantization.bits == fixed.bits && quantization.group_size == fixed.group_size;
}

bool is_affine(const Quantization& quantization) {
  const int group = quantization.group_size;
  const int bits = quantization.bits;
  return (group == 32 || group == 64 || group == 128) && bits >= 2 && bits <= 8 && bits != 7;
}

}  // namespace

std::span<const std::string_view> quantization_modes() {
  return kModes;
}

Quantization default_quantization(const std::string& mode) {
  if (mode == "affine") {
    return {.group_size = 64, .bits = 4, .mode = mode};
  }
  if (mode == "mxfp4") {
    return {.group_size = 32, .bits = 4, .mode = mode};
  }
  if (mode == "nvfp4") {
    return {.group_size = 16, .bits = 4, .mode = mode};
  }
  if (mode == "mxfp8") {
    return {.group_size = 32, .bits = 8, .mode = mode};
  }
  throw base::Error(
      base::ErrorCode::kInvalidArgument,
      fmt::format("a quantization's mode is one of {}, not '{}'", fmt::join(kModes, ", "), mode),
      "mode");
}

std::string quantization_problem(const Quantization& quantization) {
  if (std::find(kModes.begin(), kModes.end(), quantization.mode) == kModes.end()) {
    return fmt::format(
        "mode must be one of {}, got {}", fmt::join(kModes, ", "), quantization.mode);
  }
  if (quantization.mode == "affine") {
    return is_affine(quantization)
               ? std::string()
               : fmt::format(
                     "mode affine takes group_size 32, 64 or 128 and 2, 3, 4, 5, 6 or 8 bits, got "
                     "group_size {} and {} bits",
                     quantization.group_size,
                     quantization.bits);
  }
  const Quantization fixed = default_quantization(quantization.mode);
  return is_fixed(quantization) ? std::string()
                                : fmt::format(
                                      "mode {} takes group_size {} and {} bits only, got "
                                      "group_size {} and {} bits",
                                      quantization.mode,
                                      fixed.group_size,
                                      fixed.bits,
                                      quantization.group_size,
                                      quantization.bits);
}

std::optional<Quantization> packing_of(
    const ModelConfig& config,
    const std::string& path,
    const TensorInfo* weight,
    const TensorInfo& scales,
    std::int64_t columns) {
  auto quantization = config.quantization_of(path);
  if (!quantization) {
    return std::nullopt;
  }
  const bool measurable = weight != nullptr && weight->shape.size() >= 2 &&
                          weight->shape.size() == scales.shape.size() && scales.shape.back() > 0;
  if (measurable && !config.quantization_overrides.contains(path)) {
    quantization->bits = static_cast<int>(weight->shape.back() * 32 / columns);
    quantization->group_size = static_cast<int>(columns / scales.shape.back());
    quantization->mode = "affine";
    // Only affine keeps its scales as floats; each other mode has one pair of its own.
    for (const char* mode : {"mxfp4", "nvfp4", "mxfp8"}) {
      const Quantization fixed = default_quantization(mode);
      if (scales.dtype == "U8" && fixed.bits == quantization->bits &&
          fixed.group_size == quantization->group_size) {
        quantization->mode = mode;
      }
    }
  }
  if (!quantization_problem(*quantization).empty() || columns % quantization->group_size != 0) {
    return std::nullopt;
  }
  return quantization;
}

}  // namespace hub::model_config

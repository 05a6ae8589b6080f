#include "core/model_config/packing.h"

namespace hub::model_config {

std::optional<Quantization> packing_of(
    const ModelConfig& config,
    const std::string& path,
    const TensorInfo* weight,
    const TensorInfo& scales,
    std::int64_t columns) {
  const auto stated = config.quantization_of(path);
  if (!stated || scales.shape.empty()) {
    return std::nullopt;
  }
  Quantization q = *stated;
  const bool stacked = scales.shape.size() == 3;
  const bool inferred = !config.quantization_overrides.contains(path);
  if (inferred && weight != nullptr && weight->shape.size() == scales.shape.size() &&
      scales.shape.back() > 0) {
    q.bits = static_cast<int>(weight->shape.back() * 32 / columns);
    q.group_size = static_cast<int>(columns / scales.shape.back());
    q.mode = scales.dtype == "U8" ? "mxfp4" : "affine";
  }
  const bool known_group = q.group_size == 32 || q.group_size == 64 || q.group_size == 128;
  const bool affine =
      q.mode == "affine" && known_group && q.bits >= 2 && q.bits <= 8 && q.bits != 7;
  // Only experts come in mxfp4 (gpt-oss).
  const bool mxfp4 = q.mode == "mxfp4" && q.group_size == 32 && q.bits == 4 && stacked;
  return (affine || mxfp4) && columns % q.group_size == 0 ? std::optional(q) : std::nullopt;
}

}  // namespace hub::model_config

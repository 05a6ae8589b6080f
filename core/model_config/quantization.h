#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/model_config/model_config.h"
#include "core/model_config/safetensors_header.h"

// What MLX packs weights with (mlx.core.quantize): mode "affine" with 2, 3, 4, 5, 6 or 8 bits in
// groups of 32, 64 or 128; "mxfp4" with 4 bits in groups of 32, "nvfp4" with 4 bits in groups of
// 16, "mxfp8" with 8 bits in groups of 32.
namespace hub::model_config {

std::span<const std::string_view> quantization_modes();

// Bits and group size of a mode where nobody names any (mlx_lm/utils.py › quantize_model). Throws
// kInvalidArgument for an unknown mode.
Quantization default_quantization(const std::string& mode);

// Empty when MLX packs like that; else what is possible and what came, as part of a sentence.
std::string quantization_problem(const Quantization& quantization);

// How the matrix at `path`, `columns` wide, or a stack of them is packed: as config.json states for
// the path; where it names only a default, the tensors have the last word (mlx_lm/utils.py ›
// infer_quant_config). `weight` may be null. nullopt when config.json allows no packing there, or
// none that MLX has.
std::optional<Quantization> packing_of(
    const ModelConfig& config,
    const std::string& path,
    const TensorInfo* weight,
    const TensorInfo& scales,
    std::int64_t columns);

}  // namespace hub::model_config

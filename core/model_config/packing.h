#pragma once

#include <optional>
#include <string>

#include "core/model_config/model_config.h"
#include "core/model_config/safetensors_header.h"

namespace hub::model_config {

// How the packed tensors of the module at `path`, a matrix of `columns` or a stack of them, are
// quantized. Where config.json has no entry of its own for the path, the tensors say (as
// mlx_lm/utils.py › infer_quant_config). nullopt when they fit nothing that config.json allows.
// `weight` may be null.
std::optional<Quantization> packing_of(
    const ModelConfig& config,
    const std::string& path,
    const TensorInfo* weight,
    const TensorInfo& scales,
    std::int64_t columns);

}  // namespace hub::model_config

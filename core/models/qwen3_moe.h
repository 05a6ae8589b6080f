#pragma once

#include <memory>

#include "core/models/language_model.h"
#include "core/models/weights.h"

namespace hub::models {

// Qwen3's mixtures of experts (arXiv:2505.09388). Takes its tensors from `weights` and calls
// finish().
std::unique_ptr<LanguageModel> make_qwen3_moe(
    const model_config::ModelConfig& config, Weights weights);

}  // namespace hub::models

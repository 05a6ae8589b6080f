#pragma once

#include <memory>

#include "core/models/language_model.h"
#include "core/models/weights.h"

namespace hub::models {

// gpt-oss (arXiv:2508.10925): experts, windows and attention sinks. Takes its tensors from
// `weights` and calls finish(). The folder must be mlx-lm's: as OpenAI published it, gate and up
// are one.
std::unique_ptr<LanguageModel> make_gpt_oss(
    const model_config::ModelConfig& config, Weights weights);

}  // namespace hub::models

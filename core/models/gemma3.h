#pragma once

#include <memory>

#include "core/models/language_model.h"
#include "core/models/weights.h"

namespace hub::models {

// The text models of Gemma 3 (arXiv:2503.19786): most layers see a window. Takes its tensors from
// `weights` and calls finish().
std::unique_ptr<LanguageModel> make_gemma3(
    const model_config::ModelConfig& config, Weights weights);

}  // namespace hub::models

#pragma once

#include <memory>

#include "core/models/language_model.h"
#include "core/models/weights.h"

namespace hub::models {

// The Llama family (arXiv:2302.13971): Llama 1-3, Mistral, SmolLM, SmolLM3, Qwen2. Takes its
// tensors from `weights` and calls finish().
std::unique_ptr<LanguageModel> make_llama(const model_config::ModelConfig& config, Weights weights);

}  // namespace hub::models

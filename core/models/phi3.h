#pragma once

#include <memory>

#include "core/models/language_model.h"
#include "core/models/weights.h"

namespace hub::models {

// Phi-3 (arXiv:2404.14219) and Phi-4: fused projections, part of each head rotated. Takes its
// tensors from `weights` and calls finish().
std::unique_ptr<LanguageModel> make_phi3(const model_config::ModelConfig& config, Weights weights);

}  // namespace hub::models

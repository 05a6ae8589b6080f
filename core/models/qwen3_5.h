#pragma once

#include <memory>

#include "core/models/language_model.h"
#include "core/models/weights.h"

namespace hub::models {

// The text models of Qwen3.5: most layers mix their rows by a gated delta rule (arXiv:2412.06464)
// and keep a state of fixed size, every few have attention. Takes its tensors from `weights`, as
// published or as mlx-lm converts them, and calls finish().
std::unique_ptr<LanguageModel> make_qwen3_5(
    const model_config::ModelConfig& config, Weights weights);

}  // namespace hub::models

#pragma once

#include <memory>

#include "core/models/language_model.h"
#include "core/models/weights.h"

namespace hub::models {

// The text models of Gemma 4: layers that see a window and layers that see everything have heads
// of different widths, the last layers attend to an earlier one's keys and values, and each layer
// may get an input of its own from the token. Takes its tensors from `weights` and calls finish().
// The folder must be mlx-lm's: as published, the experts' gate and up are one.
std::unique_ptr<LanguageModel> make_gemma4(
    const model_config::ModelConfig& config, Weights weights);

}  // namespace hub::models

#pragma once

#include <vector>

#include "core/model_config/model_config.h"
#include "core/nn/attention.h"

namespace hub::models {

// What nn/attention.h needs to know of a layer.
struct LayerAttention {
  nn::AttentionShape shape;
  nn::RotaryEmbedding rotation;
};

// Of every layer, in order, evaluated.
std::vector<LayerAttention> attention_of_layers(const model_config::ModelConfig& config);

}  // namespace hub::models

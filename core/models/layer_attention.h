#pragma once

#include <vector>

#include <mlx/array.h>

#include "core/model_config/model_config.h"
#include "core/nn/attention.h"

namespace hub::models {

namespace mx = mlx::core;

// What nn/attention.h needs to know of a layer.
struct LayerAttention {
  nn::AttentionShape shape;
  mx::array inv_freq;  // [rotated elements of a head / 2] float32
};

// Of every layer, in order.
std::vector<LayerAttention> attention_of_layers(const model_config::ModelConfig& config);

}  // namespace hub::models

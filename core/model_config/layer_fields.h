#pragma once

#include <initializer_list>
#include <string_view>

#include "core/model_config/config_fields.h"

// Fields of config.json that several families have. Each complains about what is not computed.
namespace hub::model_config {

// `key` is absent or one of `known`.
void check_activation(
    Fields& fields, std::string_view key, std::initializer_list<std::string_view> known);
void check_silu(Fields& fields);

// `layer_types`: "full_attention" or "sliding_attention" for each layer. All full is as none.
void read_layer_types(ModelConfig& config, Fields& fields);

void set_all_layers(ModelConfig& config, ModelConfig::LayerType type);

// Every `pattern`th layer sees everything before, the others slide.
void set_layer_pattern(ModelConfig& config, int pattern);

// The window of the layers that slide; without one none may.
void read_window(ModelConfig& config, Fields& fields);

}  // namespace hub::model_config

#pragma once

#include "core/model_config/config_fields.h"

namespace hub::model_config {

// mlx_lm/models/gemma3_text.py
void set_gemma3_defaults(ModelConfig& config);
void read_gemma3(ModelConfig& config, Fields& fields);

// mlx_lm/models/gemma4_text.py
void set_gemma4_defaults(ModelConfig& config);
void read_gemma4(ModelConfig& config, Fields& fields);

}  // namespace hub::model_config

#pragma once

#include "core/model_config/config_fields.h"

namespace hub::model_config {

// mlx_lm/models/qwen3_5.py › TextModelArgs, of models without experts.
void set_qwen3_5_defaults(ModelConfig& config);
void read_qwen3_5(ModelConfig& config, Fields& fields);

}  // namespace hub::model_config

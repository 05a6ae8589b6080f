#pragma once

#include <span>
#include <string>
#include <vector>

#include <mlx/array.h>

#include "core/model_config/finetune_params.h"

namespace hub::train {

namespace mx = mlx::core;

// The weight decay of each parameter: `params.weight_decay` (absent: the optimizer's default), but
// 0 for those that `params.no_decay` names by a run of whole parts of their dotted name
// ("lora_b", "self_attn.q_proj", "model.embed_tokens.weight"), and, unless `params.decay_vectors`,
// for those of one dimension: norms, biases and DoRA's magnitudes. Throws kInvalidArgument when a
// name of `no_decay` matches nothing.
std::vector<double> weight_decays(
    const model_config::FinetuneParams& params,
    std::span<const std::string> names,
    std::span<const mx::array> parameters);

}  // namespace hub::train

#pragma once

#include <filesystem>
#include <vector>

#include "core/model_config/model_config.h"
#include "core/text/tokenizer.h"

namespace hub::api {

// The tokens that end an answer: config.json's and generation_config.json's eos_token_id, and where
// there are none the tokenizer's eos_token (as mlx_lm/tokenizer_utils.py does).
std::vector<int> stop_ids(
    const model_config::ModelConfig& config,
    const text::Tokenizer& tokenizer,
    const std::filesystem::path& folder);

}  // namespace hub::api

#pragma once

#include <filesystem>

#include "core/model_config/model_config.h"

namespace hub::engine {

// Whether the model in `folder` can draft for the one in `target_folder`: both decode, it has no
// recurrent layers (their state goes back within one step, and a draft takes several), and both
// give each token the same id. Vocabularies that are padded to different sizes are the same; of a
// target without tokenizer.json the vocabulary's size alone is looked at. Throws kUnprocessable
// with the field `draft_model` (reason "draft_model_mismatch") that says what differs, and what
// Tokenizer::load() throws.
void check_draft_fits(
    const std::filesystem::path& folder,
    const model_config::ModelConfig& config,
    const std::filesystem::path& target_folder,
    const model_config::ModelConfig& target_config);

}  // namespace hub::engine

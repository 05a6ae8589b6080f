#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <unordered_map>

#include <mlx/array.h>

#include "core/base/json.h"
#include "core/model_config/model_config.h"
#include "core/models/language_model.h"

namespace hub::models {

// A model as its named arrays, of which models are made: what a training of the weights themselves
// needs. Belongs to the thread that owns MLX.
struct ModelTensors {
  model_config::ModelConfig config;
  std::unordered_map<std::string, mx::array> arrays;  // by the names of the files
};

// All arrays of a model folder, evaluated, in the types that load_model() gives them. Throws as it
// does for corrupt files.
ModelTensors load_tensors(const std::filesystem::path& folder);

// The model over these arrays, which it shares; they may be traced. Throws as load_model() when
// they are not its weights.
std::unique_ptr<LanguageModel> make_model(const ModelTensors& tensors, LoadOptions options = {});

// Writes `trained` (names as in the model's files) as mlx-lm's full fine-tuning does:
// adapters.safetensors, and adapter_config.json with fine_tune_type "full" and `num_layers`, beside
// which `extra` goes. Each file is written atomically. Throws kUnavailable when the disk refuses.
void save_full_weights(
    const std::filesystem::path& folder,
    const std::unordered_map<std::string, mx::array>& trained,
    int num_layers,
    const base::Json& extra);

// True when the folder's adapter_config.json says that it holds whole weights. Throws
// kUnprocessable for a file that is none.
bool holds_full_weights(const std::filesystem::path& folder);

// Puts the arrays of such a folder in place of those of `tensors`. Throws kUnprocessable
// (`adapter_does_not_fit`) naming every one that has no counterpart of its shape.
void load_full_weights(const std::filesystem::path& folder, ModelTensors& tensors);

// The model in `folder` with the whole weights in `weights_folder` in place. Throws as
// load_tensors(), load_full_weights() and make_model() do.
std::unique_ptr<LanguageModel> load_finetuned_model(
    const std::filesystem::path& folder,
    const std::filesystem::path& weights_folder,
    LoadOptions options = {});

}  // namespace hub::models

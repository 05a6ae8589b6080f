#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/json.h"
#include "core/model_config/model_config.h"
#include "core/model_config/weight_files.h"

// Folders of models that also see or hear (Gemma 3 and 4, Qwen3.5): the text model in them, as
// mlx-lm takes it out (mlx_lm/models/gemma3.py, gemma4.py, qwen3_5.py › sanitize).
namespace hub::model_config {

// Values of `model_type` of such folders.
std::span<const std::string_view> known_whole_types();

// What mlx-lm puts before every module path of such a text model.
inline constexpr const char* kTextPrefix = "language_model.";

// config.json of the text model alone: `text_config` with what lies outside of it, `model_type`
// that of the text family. nullopt where `json` is a text model's already. Throws kInvalidArgument
// where `text_config` is no object.
std::optional<base::Json> text_config_of(const base::Json& json);

// mlx-lm's name of a tensor, as transformers or mlx-lm store it; nullopt: of another part, such as
// the one that sees.
std::optional<std::string> text_tensor_name(const std::string& stored);

// read_weight_files(), of which such a model keeps the text model's tensors, under mlx-lm's names.
// Throws the same, and kUnprocessable naming two tensors that would have one name.
std::vector<WeightFile> read_text_weights(
    const std::filesystem::path& folder, const ModelConfig& config);

}  // namespace hub::model_config

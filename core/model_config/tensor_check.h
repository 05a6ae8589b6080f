#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/model_config/model_config.h"
#include "core/model_config/weight_files.h"

namespace hub::model_config {

// Where the tensors contradict config.json, each contradiction in a line of its own: layers that
// are missing or too many, names that are missing or belong to nobody, shapes that hidden size,
// heads, vocabulary or the quantization block do not give, types that are none of floats or packed
// integers. Empty when they agree. The rules are those by which models/weights.h loads; reads no
// tensor.
std::vector<std::string> tensor_problems(
    const ModelConfig& config, const std::vector<WeightFile>& files);

// Such lines as one text: the first hundred, and how many more there are.
std::string listed(const std::vector<std::string>& problems);

// A model folder looked at as a whole: config.json, generation_config.json, the shard index, every
// safetensors header, and what they say of each other. Throws kUnprocessable naming everything that
// is wrong; reason "unsupported_architecture" when that is among it, else "model_invalid".
void check_model_folder(const std::filesystem::path& folder);

}  // namespace hub::model_config

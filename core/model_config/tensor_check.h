#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/model_config/adapter_config.h"
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

// The same of an adapter's tensors and the model it goes on: factors that are missing, belong to no
// linear that adapter_config.json names, or have other shapes.
std::vector<std::string> adapter_problems(
    const AdapterConfig& adapter, const SafetensorsHeader& tensors, const ModelConfig& base);

// A model folder looked at as a whole: config.json, generation_config.json, the shard index, every
// safetensors header, and what they say of each other. Throws kUnprocessable naming everything that
// is wrong; reason "unsupported_architecture" when that is among it, else "model_invalid".
void check_model_folder(const std::filesystem::path& folder);

// The same of an adapter folder over `base`. `base_digest` is what the base's contents are: an
// adapter that says it was trained on others is refused, reason "adapter_mismatch"; everything else
// that is wrong has reason "adapter_does_not_fit".
void check_adapter_folder(
    const std::filesystem::path& folder, const ModelConfig& base, const std::string& base_digest);

}  // namespace hub::model_config

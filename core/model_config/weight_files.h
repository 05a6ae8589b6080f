#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/model_config/safetensors_header.h"

namespace hub::model_config {

// One safetensors file of a model folder, its header checked.
struct WeightFile {
  std::filesystem::path path;
  SafetensorsHeader header;
};

// The weights of a model folder: the shards that model.safetensors.index.json lists, else
// model*.safetensors, in file order. Throws kUnprocessable naming every shard that is missing,
// every tensor that the index promises and no shard has, every name that two shards have, every
// shard name that is no plain file name, and corrupt files.
std::vector<WeightFile> read_weight_files(const std::filesystem::path& folder);

// All tensors of `files` in name order, each with its file.
std::vector<std::pair<const TensorInfo*, const std::filesystem::path*>> tensors_by_name(
    const std::vector<WeightFile>& files);

// Bytes of all tensors as they lie on disk.
std::uint64_t tensor_bytes(const std::vector<WeightFile>& files);

// Bytes of all tensors once a CPU has loaded them (models/weights.h): half types become float32,
// except float16 scales and biases of packed weights. At most a few percent more than what
// LanguageModel::weight_bytes() says afterwards. On a GPU tensor_bytes() is the answer. `prefix`:
// of those alone whose names begin so.
std::uint64_t loaded_bytes(
    const std::vector<WeightFile>& files, std::string_view prefix = std::string_view());

}  // namespace hub::model_config

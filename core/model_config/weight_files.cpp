#include "core/model_config/weight_files.h"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/base/json_reader.h"

namespace hub::model_config {
namespace {

using base::Json;

// Tensor name -> shard's file name; empty without an index.
std::map<std::string, std::string> read_index(const std::filesystem::path& folder) {
  std::map<std::string, std::string> shards;
  const auto file = folder / "model.safetensors.index.json";
  if (!std::filesystem::exists(file)) {
    return shards;
  }
  const Json json = base::parse_json(base::read_file(file), file.string());
  const Json* map = base::JsonReader(json, file.filename()).optional_object("weight_map");
  if (map == nullptr || map->empty()) {
    throw base::Error(
        base::ErrorCode::kUnprocessable, fmt::format("{} has no 'weight_map'", file.string()));
  }
  for (const auto& [tensor, shard] : map->items()) {
    const std::string name = shard.is_string() ? shard.get<std::string>() : std::string();
    // A name with folders in it could reach outside the model.
    if (name.empty() || name != std::filesystem::path(name).filename().string() ||
        !name.ends_with(".safetensors")) {
      throw base::Error(
          base::ErrorCode::kUnprocessable,
          fmt::format(
              "{}: the shard of '{}' must be a plain file name ending in .safetensors, got {}",
              file.string(),
              tensor,
              shard.dump()));
    }
    shards[tensor] = name;
  }
  return shards;
}

std::set<std::string> files_matching_model(const std::filesystem::path& folder) {
  std::set<std::string> names;
  std::error_code failure;
  for (const auto& entry : std::filesystem::directory_iterator(folder, failure)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("model") && name.ends_with(".safetensors")) {
      names.insert(name);
    }
  }
  return names;
}

// Names that are in two files, and names that the index promises but its shard lacks.
std::vector<std::string> contradictions(
    const std::vector<WeightFile>& files, const std::map<std::string, std::string>& index) {
  std::vector<std::string> problems;
  std::map<std::string, std::string> place;
  for (const WeightFile& file : files) {
    const std::string name = file.path.filename().string();
    for (const TensorInfo& tensor : file.header.tensors) {
      const auto [found, is_new] = place.emplace(tensor.name, name);
      if (!is_new) {
        problems.push_back(
            fmt::format("tensor '{}' is in {} and in {}", tensor.name, found->second, name));
      }
    }
  }
  for (const auto& [tensor, shard] : index) {
    const auto found = place.find(tensor);
    if (found == place.end() || found->second != shard) {
      problems.push_back(fmt::format("tensor '{}' is not in {} as the index says", tensor, shard));
    }
  }
  return problems;
}

}  // namespace

std::vector<WeightFile> read_weight_files(const std::filesystem::path& folder) {
  const auto index = read_index(folder);
  std::set<std::string> names;
  for (const auto& [tensor, shard] : index) {
    names.insert(shard);
  }
  if (names.empty()) {
    names = files_matching_model(folder);
  }
  if (names.empty()) {
    throw base::Error(
        base::ErrorCode::kUnprocessable,
        fmt::format("{} has no model*.safetensors", folder.string()));
  }
  std::vector<WeightFile> files;
  std::vector<std::string> problems;
  for (const std::string& name : names) {
    const auto path = folder / name;
    if (!std::filesystem::is_regular_file(path)) {
      problems.push_back(fmt::format("the shard {} is missing", name));
      continue;
    }
    try {
      files.push_back({path, SafetensorsHeader::read(path)});
    } catch (const base::Error& error) {
      problems.emplace_back(error.what());
    }
  }
  if (problems.empty()) {
    problems = contradictions(files, index);
  }
  if (!problems.empty()) {
    throw base::Error(
        base::ErrorCode::kUnprocessable,
        fmt::format("{}: {}", folder.string(), fmt::join(problems, "; ")));
  }
  return files;
}

std::vector<std::pair<const TensorInfo*, const std::filesystem::path*>> tensors_by_name(
    const std::vector<WeightFile>& files) {
  std::vector<std::pair<const TensorInfo*, const std::filesystem::path*>> tensors;
  for (const WeightFile& file : files) {
    for (const TensorInfo& tensor : file.header.tensors) {
      tensors.emplace_back(&tensor, &file.path);
    }
  }
  std::sort(tensors.begin(), tensors.end(), [](const auto& left, const auto& right) {
    return left.first->name < right.first->name;
  });
  return tensors;
}

std::uint64_t tensor_bytes(const std::vector<WeightFile>& files) {
  std::uint64_t bytes = 0;
  for (const WeightFile& file : files) {
    for (const TensorInfo& tensor : file.header.tensors) {
      bytes += tensor.bytes();
    }
  }
  return bytes;
}

std::uint64_t loaded_bytes(const std::vector<WeightFile>& files, std::string_view prefix) {
  std::uint64_t bytes = 0;
  for (const WeightFile& file : files) {
    for (const TensorInfo& tensor : file.header.tensors) {
      if (!tensor.name.starts_with(prefix)) {
        continue;
      }
      // Those of experts, in a third dimension, are widened.
      const bool packed_part =
          (tensor.name.ends_with(".scales") || tensor.name.ends_with(".biases")) &&
          tensor.shape.size() < 3;
      const bool widened = tensor.dtype == "BF16" || (tensor.dtype == "F16" && !packed_part);
      bytes += widened ? 2 * tensor.bytes() : tensor.bytes();
    }
  }
  return bytes;
}

}  // namespace hub::model_config

#include "core/models/model_tensors.h"

#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <mlx/transforms.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/model_config/adapter_config.h"
#include "core/model_config/safetensors_header.h"
#include "core/model_config/text_part.h"
#include "core/models/weights.h"
#include "core/tensor/ops.h"

namespace hub::models {
namespace {

constexpr const char* kTensorFile = "adapters.safetensors";
constexpr const char* kConfigFile = "adapter_config.json";

bool is_packing(const std::string& name) {
  return name.ends_with(".scales") || name.ends_with(".biases");
}

}  // namespace

ModelTensors load_tensors(const std::filesystem::path& folder) {
  ModelTensors result{model_config::ModelConfig::load(folder), {}};
  for (const auto& file : model_config::read_text_weights(folder, result.config)) {
    auto stored = tensor::load_safetensors(file.path);
    for (const auto& info : file.header.tensors) {
      mx::array array = stored.extract(info.name_in_file()).mapped();
      if (!is_packing(info.name)) {
        array = tensor::astype(array, tensor::compute_dtype(array.dtype()));
      }
      array.eval();
      result.arrays.insert_or_assign(info.name, std::move(array));
    }
  }
  return result;
}

void save_full_weights(
    const std::filesystem::path& folder,
    const std::unordered_map<std::string, mx::array>& trained,
    int num_layers,
    const base::Json& extra) {
  base::Json json = extra;
  json["fine_tune_type"] = "full";
  json["lora_parameters"] = nullptr;
  json["num_layers"] = num_layers;
  base::write_file_atomically(folder / kConfigFile, json.dump(2) + "\n");
  tensor::save_safetensors(folder / kTensorFile, trained);
}

bool holds_full_weights(const std::filesystem::path& folder) {
  return model_config::AdapterConfig::load(folder).fine_tune_type == "full";
}

void load_full_weights(const std::filesystem::path& folder, ModelTensors& tensors) {
  const auto file = folder / kTensorFile;
  const auto header = model_config::SafetensorsHeader::read(file);
  std::vector<std::string> problems;
  for (const auto& info : header.tensors) {
    const auto found = tensors.arrays.find(info.name);
    if (found == tensors.arrays.end()) {
      problems.push_back(fmt::format("{} is no tensor of the model", info.name));
      continue;
    }
    const mx::Shape& shape = found->second.shape();
    if (!std::equal(shape.begin(), shape.end(), info.shape.begin(), info.shape.end())) {
      problems.push_back(
          fmt::format("{} is {}, wanted [{}]", info.name, info.describe(), fmt::join(shape, ", ")));
    }
  }
  if (!problems.empty()) {
    throw base::Error(
        base::ErrorCode::kUnprocessable,
        fmt::format(
            "{}: the weights do not fit the model: {}", folder.string(), fmt::join(problems, "; ")),
        {},
        "adapter_does_not_fit");
  }
  for (auto& [name, stored] : tensor::load_safetensors(file)) {
    mx::array& place = tensors.arrays.at(name);
    mx::array array = tensor::astype(stored, place.dtype());
    array.eval();
    place = array;
  }
}

std::unique_ptr<LanguageModel> load_finetuned_model(
    const std::filesystem::path& folder,
    const std::filesystem::path& weights_folder,
    LoadOptions options) {
  ModelTensors tensors = load_tensors(folder);
  load_full_weights(weights_folder, tensors);
  return make_model(tensors, options);
}

}  // namespace hub::models

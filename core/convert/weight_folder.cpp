#include "core/convert/weight_folder.h"

#include "core/model_config/text_part.h"
#include "core/tensor/ops.h"

namespace hub::convert {

WeightFolder::WeightFolder(
    const std::filesystem::path& folder, const model_config::ModelConfig& config)
    : files_(model_config::read_text_weights(folder, config)) {
  for (const auto& [tensor, file] : model_config::tensors_by_name(files_)) {
    tensors_.push_back(tensor);
    places_[tensor->name] = {tensor, file};
  }
}

const model_config::TensorInfo* WeightFolder::find(const std::string& name) const {
  const auto found = places_.find(name);
  return found == places_.end() ? nullptr : found->second.tensor;
}

mx::array WeightFolder::take(const std::string& name) {
  const auto& [tensor, file] = places_.at(name);
  auto opened = opened_.find(file->string());
  if (opened == opened_.end()) {
    opened = opened_.emplace(file->string(), tensor::load_safetensors(*file)).first;
  }
  mx::array array = opened->second.extract(tensor->name_in_file()).mapped();
  array.eval();
  return array;
}

}  // namespace hub::convert

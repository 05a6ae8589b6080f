#pragma once

#include <filesystem>
#include <string>
#include <unordered_map>
#include <vector>

#include <mlx/array.h>

#include "core/model_config/model_config.h"
#include "core/model_config/weight_files.h"

namespace hub::convert {

namespace mx = mlx::core;

// The tensors of a model folder, read one at a time. Belongs to the thread that owns MLX.
class WeightFolder {
 public:
  // Reads headers only; `config` is the folder's. Throws as model_config::read_text_weights().
  WeightFolder(const std::filesystem::path& folder, const model_config::ModelConfig& config);

  // In name order.
  [[nodiscard]] const std::vector<const model_config::TensorInfo*>& tensors() const {
    return tensors_;
  }
  [[nodiscard]] const model_config::TensorInfo* find(const std::string& name) const;

  // The tensor in its own type, evaluated; nothing of it is kept here. Each at most once.
  mx::array take(const std::string& name);

 private:
  struct Place {
    const model_config::TensorInfo* tensor;
    const std::filesystem::path* file;
  };

  std::vector<model_config::WeightFile> files_;
  std::vector<const model_config::TensorInfo*> tensors_;
  std::unordered_map<std::string, Place> places_;
  std::unordered_map<std::string, std::unordered_map<std::string, mx::array>> opened_;
};

}  // namespace hub::convert

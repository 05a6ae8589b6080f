#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/model_config/adapter_config.h"
#include "core/model_config/safetensors_header.h"

namespace hub::peft {

// An adapter in mlx-lm's format as PEFT reads it: adapter_config.json and
// adapter_model.safetensors, both made on the fly, one tensor in memory at a time. Immutable.
class ExportedAdapter {
 public:
  // `base_model` goes in as base_model_name_or_path; `layers` are the base's. Throws as
  // AdapterConfig::load(), and kUnprocessable for tensors that are no factors of its layers.
  ExportedAdapter(const std::filesystem::path& folder, std::string base_model, int layers);

  // adapter_config.json. lora_alpha is scale * rank.
  [[nodiscard]] std::string config() const;
  // Hands the bytes of adapter_model.safetensors over piece by piece; stops when `sink` says false.
  void write_tensors(const std::function<bool(std::string_view)>& sink) const;

 private:
  struct Entry {
    const model_config::TensorInfo* source;
    std::string name;
  };

  std::filesystem::path file_;
  std::string base_model_;
  int layers_;
  model_config::AdapterConfig config_;
  model_config::SafetensorsHeader header_;
  std::vector<Entry> entries_;  // in the order of their bytes
};

}  // namespace hub::peft

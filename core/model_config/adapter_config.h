#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/base/json.h"

namespace hub::model_config {

// What adapter_config.json of mlx-lm must say about a LoRA adapter
// (mlx_lm/tuner/utils.py › load_adapters); its other fields are free.
struct AdapterConfig {
  std::string fine_tune_type = "lora";
  int num_layers = -1;  // the last N layers; -1 and 0: all
  int rank = 8;
  double scale = 20.0;   // multiplies (x A) B directly
  double dropout = 0.0;  // was used in training; nothing reads it afterwards
  std::optional<std::vector<std::string>> keys;  // names relative to a layer; absent: every linear

  // Throws kUnprocessable naming the field that is missing or wrong, and for adapters of another
  // kind (DoRA, full weights, PEFT).
  static AdapterConfig from_json(const base::Json& json);
  // Reads adapter_config.json in `folder`. Throws as from_json(), naming the file.
  static AdapterConfig load(const std::filesystem::path& folder);
};

}  // namespace hub::model_config

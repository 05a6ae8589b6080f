#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/base/json.h"

namespace hub::model_config {

// What adapter_config.json of mlx-lm must say about an adapter
// (mlx_lm/tuner/utils.py › load_adapters); its other fields are free.
struct AdapterConfig {
  std::string fine_tune_type = "lora";  // lora, dora, or full: then only num_layers is read
  int num_layers = -1;                  // the last N layers; -1 and 0: all
  int rank = 8;
  double scale = 20.0;   // multiplies (x A) B directly
  double dropout = 0.0;  // was used in training; nothing reads it afterwards
  // Names relative to a layer, or whole paths; absent: every linear of a layer.
  std::optional<std::vector<std::string>> keys;

  // Throws kUnprocessable naming the field that is missing or wrong, and for adapters of another
  // kind (PEFT).
  static AdapterConfig from_json(const base::Json& json);
  // Reads adapter_config.json in `folder`. Throws as from_json(), naming the file.
  static AdapterConfig load(const std::filesystem::path& folder);
};

}  // namespace hub::model_config

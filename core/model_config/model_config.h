#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/json.h"

namespace hub::model_config {

// How a matrix is packed, `group_size` neighbours of a row together; quantization.h says which
// there are. Affine: w = scale * q + bias.
struct Quantization {
  int group_size = 64;
  int bits = 4;
  std::string mode = "affine";
};

// config.json as this project understands it. Field names follow transformers' LlamaConfig.
struct ModelConfig {
  std::string model_type;
  int hidden_size = 0;
  int intermediate_size = 0;
  int num_hidden_layers = 0;
  int num_attention_heads = 0;
  int num_key_value_heads = 0;
  int head_dim = 0;
  int vocab_size = 0;
  int max_position_embeddings = 0;  // the context length in tokens; at most `sliding_window`
  float rms_norm_eps = 1e-5F;
  float rope_theta = 10000.0F;
  bool rope_traditional = false;
  // rope_scaling of type "linear" or "llama3"; absent: none.
  struct RopeScaling {
    std::string type;
    float factor = 1.0F;
    float low_freq_factor = 1.0F;
    float high_freq_factor = 4.0F;
    int original_max_position_embeddings = 8192;
  };
  std::optional<RopeScaling> rope_scaling;
  bool tie_word_embeddings = true;
  bool attention_bias = false;
  bool mlp_bias = false;
  std::vector<int> eos_token_ids;
  std::optional<int> bos_token_id;
  std::optional<Quantization> quantization;  // of every linear and embedding that has `.scales`
  std::map<std::string, Quantization> quantization_overrides;  // by module path
  std::set<std::string> unquantized;  // module paths that config.json exempts ("<path>": false)

  // What config.json says of the module at `path`; nullopt when the model has none or exempts it.
  // The tensors have the last word where config.json names no path: see models/weights.h.
  [[nodiscard]] std::optional<Quantization> quantization_of(const std::string& path) const;

  // Throws kUnprocessable naming each field that is missing, of another type, or inconsistent with
  // another; for a `model_type` that is not known, the list of those that are.
  static ModelConfig from_json(const base::Json& json);
  // Reads config.json in `folder`; eos ids of generation_config.json, where present, replace those
  // of config.json, as in mlx_lm/utils.py › load_config. Throws as from_json(), naming the file.
  static ModelConfig load(const std::filesystem::path& folder);
};

// Values of `model_type` that from_json() accepts.
std::span<const std::string_view> known_model_types();

}  // namespace hub::model_config

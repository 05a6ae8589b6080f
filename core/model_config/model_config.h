#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/json.h"

namespace hub::model_config {

// Affine group quantization: w = scale * q + bias for every `group_size` neighbours of a row.
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
  int max_position_embeddings = 0;  // the context length in tokens
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

  // The quantization of the module at `path`; nullopt when the model has none.
  [[nodiscard]] std::optional<Quantization> quantization_of(const std::string& path) const;

  // Throws kUnprocessable naming each field that is missing, of another type, or inconsistent with
  // another.
  static ModelConfig from_json(const base::Json& json);
  // Reads config.json in `folder`, and eos ids of generation_config.json where present.
  static ModelConfig load(const std::filesystem::path& folder);
};

}  // namespace hub::model_config

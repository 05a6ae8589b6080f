#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <vector>

#include <mlx/array.h>

#include "core/model_config/model_config.h"
#include "core/models/weights.h"
#include "core/nn/attention.h"
#include "core/nn/embedding.h"
#include "core/nn/layer_norm.h"
#include "core/nn/linear.h"

namespace hub::models {

namespace mx = mlx::core;

// An encoder: every token sees its whole text, and what comes out is a vector for each token. It is
// no LanguageModel: it has no logits, keeps no cache and takes no adapter. BERT (arXiv:1810.04805)
// and RoBERTa (arXiv:1907.11692), which differ in the row where positions begin. Only builds graphs
// and belongs to the one thread that owns MLX.
class TextEncoder {
 public:
  // Takes its tensors from `weights` and calls finish(). `config` has `encoder`.
  TextEncoder(const model_config::ModelConfig& config, Weights weights);

  // tokens [rows] int32, texts of `lengths` tokens (1 … max_position_embeddings each), one after
  // another -> [rows, hidden_size]. All tokens are of type 0. CPU: a row depends on its own text
  // alone.
  [[nodiscard]] mx::array hidden(const mx::array& tokens, const std::vector<int>& lengths) const;

  [[nodiscard]] const model_config::ModelConfig& config() const { return config_; }
  // Bytes of all weights as they lie in memory.
  [[nodiscard]] std::uint64_t weight_bytes() const { return weight_bytes_; }

 private:
  struct Layer {
    nn::Linear query, key, value, attention_out, inner, outer;
    nn::LayerNorm attention_norm, norm;
  };

  static Layer make_layer(
      const model_config::ModelConfig& config, Weights& weights, const std::string& path);
  [[nodiscard]] mx::array embed(const mx::array& tokens, const std::vector<int>& lengths) const;
  [[nodiscard]] mx::array run(
      const Layer& layer, const mx::array& x, const std::vector<int>& lengths) const;

  model_config::ModelConfig config_;
  nn::AttentionShape attention_;
  nn::Embedding words_;
  mx::array positions_;  // [positions, hidden_size]
  mx::array types_;      // [token types, hidden_size]
  nn::LayerNorm norm_;
  std::vector<Layer> layers_;
  std::uint64_t weight_bytes_ = 0;
};

// Loads config.json and model*.safetensors of `folder` and evaluates the weights. On CPU every
// float becomes float32. Throws as load_model() does, and for a folder that holds a decoder.
std::unique_ptr<TextEncoder> load_text_encoder(const std::filesystem::path& folder);

}  // namespace hub::models

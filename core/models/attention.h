#pragma once

#include <optional>
#include <string>
#include <vector>

#include <mlx/array.h>

#include "core/models/language_model.h"
#include "core/models/weights.h"
#include "core/nn/linear.h"
#include "core/nn/rms_norm.h"

namespace hub::models {

// Attention as most families have it (mlx_lm/models/llama.py › Attention): four linears around
// `attend`. With ModelConfig::qk_norm each head of the queries and keys is normed before
// (mlx_lm/models/qwen3.py); with attention_sinks each head has one (mlx_lm/models/gpt_oss.py).
class Attention {
 public:
  Attention(
      const model_config::ModelConfig& config,
      Weights& weights,
      const std::string& path,
      int layer);

  // x [rows, hidden_size] -> same
  mx::array operator()(const mx::array& x, const Attend& attend, nn::AdapterSpans adapters) const;

  [[nodiscard]] std::vector<const nn::Linear*> linears() const {
    return {&q_proj, &k_proj, &v_proj, &o_proj};
  }

  nn::Linear q_proj, k_proj, v_proj, o_proj;
  std::optional<nn::RmsNorm> q_norm, k_norm;  // [head_dim]
  std::optional<mx::array> sinks;             // [heads]

 private:
  int layer_;
};

// `norm` over each head of x [rows, heads * norm.width()] -> same.
mx::array norm_heads(const nn::RmsNorm& norm, const mx::array& x);

}  // namespace hub::models

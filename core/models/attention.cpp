#include "core/models/attention.h"

#include <mlx/ops.h>

namespace hub::models {

using model_config::ModelConfig;

Attention::Attention(
    const ModelConfig& config, Weights& weights, const std::string& path, int layer)
    : q_proj(weights.linear(
          path + ".q_proj",
          config.hidden_size,
          config.num_attention_heads * config.head_dim,
          config.attention_bias)),
      k_proj(weights.linear(
          path + ".k_proj",
          config.hidden_size,
          config.num_key_value_heads * config.head_dim,
          config.attention_bias)),
      v_proj(weights.linear(
          path + ".v_proj",
          config.hidden_size,
          config.num_key_value_heads * config.head_dim,
          config.attention_bias)),
      o_proj(weights.linear(
          path + ".o_proj",
          config.num_attention_heads * config.head_dim,
          config.hidden_size,
          config.attention_output_bias)),
      layer_(layer) {
  if (config.qk_norm) {
    q_norm = weights.rms_norm(path + ".q_norm", config.head_dim, config.rms_norm_eps);
    k_norm = weights.rms_norm(path + ".k_norm", config.head_dim, config.rms_norm_eps);
  }
  if (config.attention_sinks) {
    sinks = weights.vector(path + ".sinks", config.num_attention_heads);
  }
}

mx::array Attention::operator()(
    const mx::array& x, const Attend& attend, nn::AdapterSpans adapters) const {
  mx::array q = q_proj(x, adapters);
  mx::array k = k_proj(x, adapters);
  const mx::array v = v_proj(x, adapters);
  if (q_norm && k_norm) {
    q = norm_heads(*q_norm, q);
    k = norm_heads(*k_norm, k);
  }
  return o_proj(attend(layer_, q, k, v, sinks), adapters);
}

mx::array norm_heads(const nn::RmsNorm& norm, const mx::array& x) {
  return mx::reshape(norm(mx::reshape(x, {-1, norm.width()})), x.shape());
}

}  // namespace hub::models

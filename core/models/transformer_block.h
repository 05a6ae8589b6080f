#pragma once

#include <string>
#include <vector>

#include <mlx/array.h>
#include <mlx/ops.h>

#include "core/models/language_model.h"
#include "core/models/weights.h"
#include "core/nn/rms_norm.h"

namespace hub::models {

// The block of most families (mlx_lm/models/llama.py › TransformerBlock): attention, then an MLP,
// each behind a norm and added to the residual stream. Attention and Mlp are made from (config,
// weights, path, layer) and list their linears(); Attention maps x by (x, attend, adapters), Mlp by
// (x, adapters).
template <class Attention, class Mlp>
class TransformerBlock {
 public:
  TransformerBlock(const model_config::ModelConfig& config, Weights& weights, int layer)
      : TransformerBlock(config, weights, layer, config.layer_path(layer)) {}

  // x [rows, hidden_size] -> same
  mx::array operator()(const mx::array& x, const Attend& attend, nn::AdapterSpans adapters) const {
    const mx::array h = mx::add(x, self_attn(input_layernorm(x), attend, adapters));
    return mx::add(h, mlp(post_attention_layernorm(h), adapters));
  }

  [[nodiscard]] std::vector<const nn::Linear*> linears() const {
    std::vector<const nn::Linear*> all = self_attn.linears();
    const auto inner = mlp.linears();
    all.insert(all.end(), inner.begin(), inner.end());
    return all;
  }

  [[nodiscard]] std::vector<const nn::SwitchLinear*> switch_linears() const
    requires requires(const Mlp& inner) { inner.switch_linears(); }
  {
    return mlp.switch_linears();
  }

  nn::RmsNorm input_layernorm;
  Attention self_attn;
  nn::RmsNorm post_attention_layernorm;
  Mlp mlp;

 private:
  TransformerBlock(
      const model_config::ModelConfig& config, Weights& weights, int layer, const std::string& path)
      : input_layernorm(
            weights.rms_norm(path + ".input_layernorm", config.hidden_size, config.rms_norm_eps)),
        self_attn(config, weights, path + ".self_attn", layer),
        post_attention_layernorm(weights.rms_norm(
            path + ".post_attention_layernorm", config.hidden_size, config.rms_norm_eps)),
        mlp(config, weights, path + ".mlp", layer) {}
};

}  // namespace hub::models

#include "core/model_config/layer_shape.h"

namespace hub::model_config {
namespace {

// Activations: 2 H the inputs of the two norms; Q + 2 K of q, k, v as attention's gradient needs
// them; 2 K attention's rotated keys and its values by head; 2 I gate and up.
LayerShape plain_layer(const ModelConfig& config) {
  const std::int64_t hidden = config.hidden_size;
  const std::int64_t inner = config.intermediate_size;
  const std::int64_t queries = std::int64_t{config.num_attention_heads} * config.head_dim;
  const std::int64_t keys = std::int64_t{config.num_key_value_heads} * config.head_dim;
  LayerShape shape{
      {{"self_attn.q_proj", queries, hidden, config.attention_bias, 0},
       {"self_attn.k_proj", keys, hidden, config.attention_bias, 0},
       {"self_attn.v_proj", keys, hidden, config.attention_bias, 0},
       {"self_attn.o_proj", hidden, queries, config.attention_output_bias, 1},
       {"mlp.gate_proj", inner, hidden, config.mlp_bias, 2},
       {"mlp.up_proj", inner, hidden, config.mlp_bias, 2},
       {"mlp.down_proj", hidden, inner, config.mlp_bias, 3}},
      {{"input_layernorm.weight", {hidden}}, {"post_attention_layernorm.weight", {hidden}}},
      2 * keys,
      2 * hidden + queries + 4 * keys + 2 * inner};
  if (config.qk_norm) {
    shape.others.push_back({"self_attn.q_norm.weight", {config.head_dim}});
    shape.others.push_back({"self_attn.k_norm.weight", {config.head_dim}});
    shape.activations += queries + keys;  // the inputs of the norms
  }
  return shape;
}

// core/models/phi3.cpp. The parts of the fused outputs are views; what is made of them counts.
LayerShape phi3_layer(const ModelConfig& config) {
  const std::int64_t hidden = config.hidden_size;
  const std::int64_t inner = config.intermediate_size;
  const std::int64_t queries = std::int64_t{config.num_attention_heads} * config.head_dim;
  const std::int64_t keys = std::int64_t{config.num_key_value_heads} * config.head_dim;
  return {
      {{"self_attn.qkv_proj", queries + 2 * keys, hidden, false, 0},
       {"self_attn.o_proj", hidden, queries, false, 1},
       {"mlp.gate_up_proj", 2 * inner, hidden, false, 2},
       {"mlp.down_proj", hidden, inner, false, 3}},
      {{"input_layernorm.weight", {hidden}}, {"post_attention_layernorm.weight", {hidden}}},
      2 * keys,
      2 * hidden + queries + 4 * keys + 2 * inner};
}

// core/models/gemma3.cpp. Activations: the inputs of two norms more, and of gelu's steps 3 I.
LayerShape gemma3_layer(const ModelConfig& config) {
  LayerShape shape = plain_layer(config);
  const std::int64_t hidden = config.hidden_size;
  shape.others.push_back({"pre_feedforward_layernorm.weight", {hidden}});
  shape.others.push_back({"post_feedforward_layernorm.weight", {hidden}});
  shape.activations += 2 * hidden + std::int64_t{3} * config.intermediate_size;
  return shape;
}

}  // namespace

LayerShape layer_shape(const ModelConfig& config, int /*layer*/) {
  if (config.model_type == "phi3") {
    return phi3_layer(config);
  }
  if (config.model_type == "gemma3_text") {
    return gemma3_layer(config);
  }
  return plain_layer(config);
}

}  // namespace hub::model_config

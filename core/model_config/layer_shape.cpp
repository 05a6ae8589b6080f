#include "core/model_config/layer_shape.h"

#include <charconv>
#include <string_view>

#include <fmt/format.h>

#include "core/model_config/encoder_config.h"

namespace hub::model_config {
namespace {

std::int64_t queries_of(const ModelConfig& config) {
  return std::int64_t{config.num_attention_heads} * config.head_dim;
}

std::int64_t keys_of(const ModelConfig& config) {
  return std::int64_t{config.num_key_value_heads} * config.head_dim;
}

// core/models/attention.h in a core/models/transformer_block.h without its MLP. Activations: 2 H
// the inputs of the two norms; Q + 2 K of q, k, v as attention's gradient needs them; 2 K
// attention's rotated keys and its values by head; Q + K the inputs of the norms of q and k.
LayerShape attention_part(const ModelConfig& config) {
  const std::int64_t hidden = config.hidden_size;
  const std::int64_t queries = queries_of(config);
  const std::int64_t keys = keys_of(config);
  LayerShape shape{
      {{"self_attn.q_proj", queries, hidden, config.attention_bias, 0},
       {"self_attn.k_proj", keys, hidden, config.attention_bias, 0},
       {"self_attn.v_proj", keys, hidden, config.attention_bias, 0},
       {"self_attn.o_proj", hidden, queries, config.attention_output_bias, 1}},
      {{"input_layernorm.weight", {hidden}}, {"post_attention_layernorm.weight", {hidden}}},
      2 * keys,
      2 * hidden + queries + 4 * keys};
  if (config.qk_norm) {
    shape.others.push_back({"self_attn.q_norm.weight", {config.head_dim}});
    shape.others.push_back({"self_attn.k_norm.weight", {config.head_dim}});
    shape.activations += queries + keys;
  }
  return shape;
}

// core/models/mlp.h. Activations: gate and up.
void add_mlp(LayerShape& shape, const ModelConfig& config) {
  const std::int64_t hidden = config.hidden_size;
  const std::int64_t inner = config.intermediate_size;
  shape.linears.push_back({"mlp.gate_proj", inner, hidden, config.mlp_bias, 2});
  shape.linears.push_back({"mlp.up_proj", inner, hidden, config.mlp_bias, 2});
  shape.linears.push_back({"mlp.down_proj", hidden, inner, config.mlp_bias, 3});
  shape.activations += 2 * inner;
}

// core/models/switch_glu.h behind a router. Activations: the router's scores before and after their
// softmax, and of each chosen expert gate, up and the output that its weight multiplies.
void add_experts(
    LayerShape& shape,
    const ModelConfig& config,
    const std::string& router,
    const std::string& experts,
    bool bias) {
  const std::int64_t hidden = config.hidden_size;
  const std::int64_t inner = config.experts->intermediate_size;
  const int count = config.experts->count;
  const int chosen = config.experts->per_token;
  shape.linears.push_back({router, count, hidden, bias, 2});
  shape.linears.push_back({experts + ".gate_proj", inner, hidden, bias, 2, count, 1, chosen});
  shape.linears.push_back({experts + ".up_proj", inner, hidden, bias, 2, count, 1, chosen});
  shape.linears.push_back({experts + ".down_proj", hidden, inner, bias, 3, count, chosen, chosen});
  shape.activations += 2 * count + chosen * (2 * inner + hidden);
}

LayerShape plain_layer(const ModelConfig& config) {
  LayerShape shape = attention_part(config);
  add_mlp(shape, config);
  return shape;
}

LayerShape qwen3_moe_layer(const ModelConfig& config, int layer) {
  LayerShape shape = attention_part(config);
  if (config.is_sparse(layer)) {
    add_experts(shape, config, "mlp.gate", "mlp.switch_mlp", false);
  } else {
    add_mlp(shape, config);
  }
  return shape;
}

// core/models/phi3.cpp. The parts of the fused outputs are views; what is made of them counts.
LayerShape phi3_layer(const ModelConfig& config) {
  const std::int64_t hidden = config.hidden_size;
  const std::int64_t inner = config.intermediate_size;
  const std::int64_t queries = queries_of(config);
  const std::int64_t keys = keys_of(config);
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

// core/models/gemma4.cpp. Activations: the inputs of the norms, gate and up with five steps of gelu
// between, and of the layer's own input its gate, the steps of gelu, the input and the projection.
LayerShape gemma4_layer(const ModelConfig& config, int layer) {
  const auto& own = *config.gemma4;
  const std::int64_t hidden = config.hidden_size;
  const std::int64_t inner = config.intermediate_size_of(layer);
  const std::int64_t head = config.head_dim_of(layer);
  const std::int64_t queries = config.num_attention_heads * head;
  const std::int64_t keys = config.key_value_heads_of(layer) * head;
  const bool has_keys = config.key_value_layer_of(layer) == layer;
  LayerShape shape{
      {{"self_attn.q_proj", queries, hidden, false, 0}},
      {{"input_layernorm.weight", {hidden}},
       {"post_attention_layernorm.weight", {hidden}},
       {"pre_feedforward_layernorm.weight", {hidden}},
       {"post_feedforward_layernorm.weight", {hidden}},
       {"self_attn.q_norm.weight", {head}},
       {"layer_scalar", {1}}},
      has_keys ? 2 * keys : 0,
      4 * hidden + 2 * queries + 6 * keys + 7 * inner};
  if (has_keys) {
    shape.linears.push_back({"self_attn.k_proj", keys, hidden, false, 0});
    shape.others.push_back({"self_attn.k_norm.weight", {head}});
    if (!own.keys_are_values || config.window_of(layer) > 0) {
      shape.linears.push_back({"self_attn.v_proj", keys, hidden, false, 0});
    }
  }
  shape.linears.push_back({"self_attn.o_proj", hidden, queries, false, 1});
  shape.linears.push_back({"mlp.gate_proj", inner, hidden, false, 2});
  shape.linears.push_back({"mlp.up_proj", inner, hidden, false, 2});
  shape.linears.push_back({"mlp.down_proj", hidden, inner, false, 3});
  if (config.experts) {
    add_experts(shape, config, "router.proj", "experts.switch_glu", false);
    int input = 4;  // each reads something of its own, but gate and up
    for (std::size_t i = shape.linears.size() - 4; i < shape.linears.size(); ++i) {
      shape.linears[i].input = shape.linears[i].name.ends_with("up_proj") ? input - 1 : input++;
    }
    shape.others.push_back({"router.scale", {hidden}});
    shape.others.push_back({"router.per_expert_scale", {config.experts->count}});
    for (const char* norm :
         {"post_feedforward_layernorm_1",
          "post_feedforward_layernorm_2",
          "pre_feedforward_layernorm_2"}) {
      shape.others.push_back({std::string(norm) + ".weight", {hidden}});
    }
    shape.activations += 4 * hidden;
  }
  if (own.layer_input_size > 0) {
    const std::int64_t width = own.layer_input_size;
    shape.linears.push_back({"per_layer_input_gate", width, hidden, false, 8});
    shape.linears.push_back({"per_layer_projection", hidden, width, false, 9});
    shape.others.push_back({"post_per_layer_input_norm.weight", {hidden}});
    shape.activations += 2 * hidden + 5 * width;
  }
  return shape;
}

// core/models/qwen3_5.cpp. Activations of attention: as attention_part, with twice the queries, the
// gate and what it makes. Of the recurrence (core/nn/gated_delta.cpp): the channels before and
// after the convolution, its parts and silu; for each value head normed and repeated queries, keys,
// their products with decay and beta, values and results; and of a chunk of 64 its square matrices.
LayerShape qwen3_5_layer(const ModelConfig& config, int layer) {
  const std::int64_t hidden = config.hidden_size;
  LayerShape shape{{}, {}, 0, 0};
  if (config.is_recurrent(layer)) {
    const auto& own = *config.linear_attention;
    const std::int64_t channels = own.channels();
    const std::int64_t values = std::int64_t{own.value_heads} * own.value_dim;
    const std::int64_t keys = std::int64_t{own.value_heads} * own.key_dim;
    shape.linears = {
        {"linear_attn.in_proj_qkv", channels, hidden, false, 0},
        {"linear_attn.in_proj_z", values, hidden, false, 0},
        {"linear_attn.in_proj_b", own.value_heads, hidden, false, 0},
        {"linear_attn.in_proj_a", own.value_heads, hidden, false, 0},
        {"linear_attn.out_proj", hidden, values, false, 1}};
    shape.others = {
        {"linear_attn.conv1d.weight", {channels, own.kernel, 1}, {channels, 1, own.kernel}},
        {"linear_attn.dt_bias", {own.value_heads}},
        {"linear_attn.A_log", {own.value_heads}},
        {"linear_attn.norm.weight", {own.value_dim}}};
    shape.state = (own.kernel - 1) * channels + values * own.key_dim;
    constexpr std::int64_t chunk = 64;
    shape.activations = 2 * hidden + (5 + own.kernel) * channels + 8 * keys + 8 * values +
                        own.value_heads * (8 * chunk + 8) + values * own.key_dim / chunk;
  } else {
    ModelConfig normed = config;
    normed.qk_norm = true;
    shape = attention_part(normed);
    std::erase_if(shape.others, [](const TensorShape& tensor) {
      return tensor.name.find("layernorm") != std::string::npos;  // follow for both kinds
    });
    const std::int64_t queries = queries_of(config);
    shape.linears[0].out = 2 * queries;
    shape.activations += 4 * queries;
  }
  shape.others.push_back({"input_layernorm.weight", {hidden}});
  shape.others.push_back({"post_attention_layernorm.weight", {hidden}});
  add_mlp(shape, config);
  return shape;
}

}  // namespace

LayerShape layer_shape(const ModelConfig& config, int layer) {
  if (config.encoder) {
    return encoder_layer(config);
  }
  if (config.model_type == "phi3") {
    return phi3_layer(config);
  }
  if (config.model_type == "gemma3_text") {
    return gemma3_layer(config);
  }
  if (config.gemma4) {
    return gemma4_layer(config, layer);
  }
  if (config.linear_attention) {
    return qwen3_5_layer(config, layer);
  }
  if (config.model_type == "gpt_oss") {
    LayerShape shape = attention_part(config);
    shape.others.push_back({"self_attn.sinks", {config.num_attention_heads}});
    add_experts(shape, config, "mlp.router", "mlp.experts", true);
    return shape;
  }
  if (config.model_type == "qwen3_moe") {
    return qwen3_moe_layer(config, layer);
  }
  return plain_layer(config);
}

LayerShape outer_shape(const ModelConfig& config) {
  if (config.encoder) {
    return encoder_outer(config);
  }
  LayerShape shape{{}, {}, 0, 0};
  if (config.gemma4 && config.gemma4->layer_input_size > 0) {
    const auto& own = *config.gemma4;
    const std::int64_t all = std::int64_t{config.num_hidden_layers} * own.layer_input_size;
    shape.linears = {
        {"model.embed_tokens_per_layer", own.layer_vocab_size, all, false, 0},
        {"model.per_layer_model_projection", all, config.hidden_size, false, 1}};
    shape.others = {{"model.per_layer_projection_norm.weight", {own.layer_input_size}}};
  }
  return shape;
}

bool is_dropped(const ModelConfig& config, const std::string& tensor) {
  if (config.encoder) {
    return is_dropped_of_encoder(tensor);
  }
  const auto has = [&](std::string_view part) { return tensor.find(part) != std::string::npos; };
  if (config.tie_word_embeddings && tensor.starts_with(config.path("lm_head."))) {
    return true;
  }
  if (config.linear_attention) {
    return has("mtp.");  // heads that predict further tokens
  }
  if (!config.gemma4) {
    return has("self_attn.rotary_emb.inv_freq");
  }
  // The ranges of activations in models that were trained for quantization.
  for (const char* part :
       {"self_attn.rotary_emb", "input_max", "input_min", "output_max", "output_min"}) {
    if (has(part)) {
      return true;
    }
  }
  const int layer = config.layer_of(tensor).value_or(-1);
  const bool keys_or_values =
      has(".self_attn.k_proj") || has(".self_attn.v_proj") || has(".self_attn.k_norm");
  return keys_or_values && layer >= 0 && layer < config.num_hidden_layers &&
         config.key_value_layer_of(layer) != layer;
}

std::string unstacked_expert(const std::string& path, int expert) {
  constexpr std::string_view stack = ".switch_mlp.";
  const std::size_t at = path.find(stack);
  if (at == std::string::npos) {
    return path;
  }
  return fmt::format(
      "{}.experts.{}.{}", path.substr(0, at), expert, path.substr(at + stack.size()));
}

}  // namespace hub::model_config

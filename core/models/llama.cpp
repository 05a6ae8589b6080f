// Port of mlx_lm/models/llama.py, without its caches: attention comes from outside (attend.h).
#include "core/models/llama.h"

#include <utility>

#include <fmt/format.h>
#include <mlx/ops.h>

#include "core/nn/embedding.h"
#include "core/nn/recompute.h"
#include "core/nn/rms_norm.h"
#include "core/nn/swiglu.h"
#include "core/tensor/ops.h"

namespace hub::models {
namespace {

using model_config::ModelConfig;

class Attention {
 public:
  Attention(const ModelConfig& config, Weights& weights, const std::string& path)
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
            config.attention_bias)) {}

  // x [rows, hidden_size] -> same
  mx::array operator()(
      int layer, const mx::array& x, const Attend& attend, nn::AdapterSpans adapters) const {
    const mx::array mixed =
        attend(layer, q_proj(x, adapters), k_proj(x, adapters), v_proj(x, adapters));
    return o_proj(mixed, adapters);
  }

  nn::Linear q_proj, k_proj, v_proj, o_proj;
};

class Mlp {
 public:
  Mlp(const ModelConfig& config, Weights& weights, const std::string& path)
      : gate_proj(weights.linear(
            path + ".gate_proj", config.hidden_size, config.intermediate_size, config.mlp_bias)),
        up_proj(weights.linear(
            path + ".up_proj", config.hidden_size, config.intermediate_size, config.mlp_bias)),
        down_proj(weights.linear(
            path + ".down_proj", config.intermediate_size, config.hidden_size, config.mlp_bias)) {}

  // x [rows, hidden_size] -> same
  mx::array operator()(const mx::array& x, nn::AdapterSpans adapters) const {
    return down_proj(nn::swiglu(gate_proj(x, adapters), up_proj(x, adapters)), adapters);
  }

  nn::Linear gate_proj, up_proj, down_proj;
};

class TransformerBlock {
 public:
  TransformerBlock(const ModelConfig& config, Weights& weights, int layer)
      : TransformerBlock(config, weights, layer, fmt::format("model.layers.{}", layer)) {}

  // x [rows, hidden_size] -> same
  mx::array operator()(const mx::array& x, const Attend& attend, nn::AdapterSpans adapters) const {
    const mx::array h = mx::add(x, self_attn(layer_, input_layernorm(x), attend, adapters));
    return mx::add(h, mlp(post_attention_layernorm(h), adapters));
  }

  nn::RmsNorm input_layernorm;
  Attention self_attn;
  nn::RmsNorm post_attention_layernorm;
  Mlp mlp;

 private:
  TransformerBlock(const ModelConfig& config, Weights& weights, int layer, const std::string& path)
      : input_layernorm(
            weights.rms_norm(path + ".input_layernorm", config.hidden_size, config.rms_norm_eps)),
        self_attn(config, weights, path + ".self_attn"),
        post_attention_layernorm(weights.rms_norm(
            path + ".post_attention_layernorm", config.hidden_size, config.rms_norm_eps)),
        mlp(config, weights, path + ".mlp"),
        layer_(layer) {}

  int layer_;
};

class LlamaModel final : public LanguageModel {
 public:
  LlamaModel(const ModelConfig& config, Weights& weights)
      : config_(config),
        embed_tokens_(
            weights.embedding("model.embed_tokens", config.vocab_size, config.hidden_size)),
        norm_(weights.rms_norm("model.norm", config.hidden_size, config.rms_norm_eps)) {
    layers_.reserve(static_cast<std::size_t>(config.num_hidden_layers));
    for (int layer = 0; layer < config.num_hidden_layers; ++layer) {
      layers_.emplace_back(config, weights, layer);
    }
    if (!config.tie_word_embeddings) {
      lm_head_ = weights.linear("lm_head", config.hidden_size, config.vocab_size, false);
    }
  }

  [[nodiscard]] const ModelConfig& config() const override { return config_; }

  [[nodiscard]] mx::array hidden(
      const mx::array& tokens, const Attend& attend, nn::AdapterSpans adapters) const override {
    mx::array h = embed_tokens_(tokens);
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      const nn::Block block = [&layer = layers_[i], attend](
                                  const mx::array& x, nn::AdapterSpans own) {
        return layer(x, attend, own);
      };
      h = nn::run_block(block, fmt::format("model.layers.{}.", i), h, adapters);
    }
    return norm_(h);
  }

  [[nodiscard]] mx::array logits(
      const mx::array& hidden, nn::AdapterSpans adapters) const override {
    const mx::array out =
        lm_head_ ? (*lm_head_)(hidden, adapters) : embed_tokens_.as_linear(hidden);
    return tensor::astype(out, mx::float32);
  }

  [[nodiscard]] std::vector<const nn::Linear*> linears() const override {
    std::vector<const nn::Linear*> result;
    for (const TransformerBlock& layer : layers_) {
      const Attention& attention = layer.self_attn;
      const Mlp& mlp = layer.mlp;
      result.insert(
          result.end(),
          {&attention.q_proj,
           &attention.k_proj,
           &attention.v_proj,
           &attention.o_proj,
           &mlp.gate_proj,
           &mlp.up_proj,
           &mlp.down_proj});
    }
    return result;
  }

  [[nodiscard]] std::uint64_t weight_bytes() const override { return weight_bytes_; }
  void set_weight_bytes(std::uint64_t bytes) { weight_bytes_ = bytes; }

 private:
  ModelConfig config_;
  nn::Embedding embed_tokens_;
  std::vector<TransformerBlock> layers_;
  nn::RmsNorm norm_;
  std::optional<nn::Linear> lm_head_;  // absent: tied to embed_tokens_
  std::uint64_t weight_bytes_ = 0;
};

}  // namespace

std::unique_ptr<LanguageModel> make_llama(const ModelConfig& config, Weights weights) {
  // What mlx_lm/models/llama.py › sanitize drops.
  weights.ignore("self_attn.rotary_emb.inv_freq");
  if (config.tie_word_embeddings) {
    weights.ignore("lm_head.");
  }
  auto model = std::make_unique<LlamaModel>(config, weights);
  weights.finish();
  model->set_weight_bytes(weights.bytes());
  return model;
}

}  // namespace hub::models

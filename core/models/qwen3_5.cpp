// Port of mlx_lm/models/qwen3_5.py and of the attention in qwen3_next.py, without their caches:
// attention and the recurrence come from outside (attend.h).
#include "core/models/qwen3_5.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <mlx/ops.h>

#include "core/models/attention.h"
#include "core/models/decoder.h"
#include "core/models/mlp.h"
#include "core/models/mtp_head.h"
#include "core/nn/swiglu.h"
#include "core/tensor/ops.h"

namespace hub::models {
namespace {

using model_config::ModelConfig;

// Attention of which each head has a gate.
class GatedAttention {
 public:
  GatedAttention(const ModelConfig& config, Weights& weights, const std::string& path, int layer)
      : q_proj(weights.linear(
            path + ".q_proj",
            config.hidden_size,
            2 * config.num_attention_heads * config.head_dim,
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
            config.attention_bias)),
        q_norm(weights.rms_norm(path + ".q_norm", config.head_dim, config.rms_norm_eps)),
        k_norm(weights.rms_norm(path + ".k_norm", config.head_dim, config.rms_norm_eps)),
        heads_(config.num_attention_heads),
        layer_(layer) {}

  // x [rows, hidden_size] -> same
  mx::array operator()(const mx::array& x, const Attend& attend, nn::AdapterSpans adapters) const {
    const int rows = x.shape(0);
    const auto halves =
        mx::split(mx::reshape(q_proj(x, adapters), {rows, heads_, 2 * q_norm.width()}), 2, 2);
    const auto flat = [&](const mx::array& half) { return mx::reshape(half, {rows, -1}); };
    const mx::array q = norm_heads(q_norm, flat(halves[0]));
    const mx::array k = norm_heads(k_norm, k_proj(x, adapters));
    const mx::array mixed = attend(layer_, q, k, v_proj(x, adapters));
    return o_proj(mx::multiply(mixed, mx::sigmoid(flat(halves[1]))), adapters);
  }

  [[nodiscard]] std::vector<const nn::Linear*> linears() const {
    return {&q_proj, &k_proj, &v_proj, &o_proj};
  }

  nn::Linear q_proj, k_proj, v_proj, o_proj;
  nn::RmsNorm q_norm, k_norm;  // [head_dim]

 private:
  int heads_;
  int layer_;
};

class GatedDeltaNet {
 public:
  GatedDeltaNet(const ModelConfig& config, Weights& weights, const std::string& path, int layer)
      : GatedDeltaNet(config, weights, path, layer, *config.linear_attention) {}

  // x [rows, hidden_size] -> same
  mx::array operator()(const mx::array& x, const Attend& attend, nn::AdapterSpans adapters) const {
    const mx::array z = in_proj_z(x, adapters);
    const mx::array a = mx::add(in_proj_a(x, adapters), dt_bias);
    const mx::array steps = mx::logaddexp(a, mx::zeros_like(a));  // softplus
    const mx::array log_decay = mx::negative(mx::multiply(mx::exp(a_log), steps));
    const mx::array mixed = attend.recur(
        layer_, {in_proj_qkv(x, adapters), conv, log_decay, mx::sigmoid(in_proj_b(x, adapters))});
    return out_proj(nn::swiglu(z, norm_heads(norm, mixed)), adapters);
  }

  [[nodiscard]] std::vector<const nn::Linear*> linears() const {
    return {&in_proj_qkv, &in_proj_z, &in_proj_b, &in_proj_a, &out_proj};
  }

  nn::Linear in_proj_qkv, in_proj_z, in_proj_b, in_proj_a, out_proj;
  mx::array conv;            // [channels, kernel]
  mx::array dt_bias, a_log;  // [value_heads]
  nn::RmsNorm norm;          // [value_dim], of the result

 private:
  using Shape = ModelConfig::LinearAttention;

  GatedDeltaNet(
      const ModelConfig& config,
      Weights& weights,
      const std::string& path,
      int layer,
      const Shape& shape)
      : in_proj_qkv(
            weights.linear(path + ".in_proj_qkv", config.hidden_size, shape.channels(), false)),
        in_proj_z(weights.linear(
            path + ".in_proj_z", config.hidden_size, shape.value_heads * shape.value_dim, false)),
        in_proj_b(
            weights.linear(path + ".in_proj_b", config.hidden_size, shape.value_heads, false)),
        in_proj_a(
            weights.linear(path + ".in_proj_a", config.hidden_size, shape.value_heads, false)),
        out_proj(weights.linear(
            path + ".out_proj", shape.value_heads * shape.value_dim, config.hidden_size, false)),
        conv(weights.depthwise(path + ".conv1d", shape.channels(), shape.kernel)),
        dt_bias(weights.vector(path + ".dt_bias", shape.value_heads)),
        a_log(weights.vector(path + ".A_log", shape.value_heads)),
        norm(
            path + ".norm",
            weights.vector(path + ".norm.weight", shape.value_dim),
            config.rms_norm_eps),
        layer_(layer) {}

  int layer_;
};

class DecoderLayer {
 public:
  DecoderLayer(const ModelConfig& config, Weights& weights, int layer)
      : DecoderLayer(config, weights, layer, config.layer_path(layer)) {}
  DecoderLayer(const ModelConfig& config, Weights& weights, int layer, const std::string& path)
      : input_layernorm(
            weights.rms_norm(path + ".input_layernorm", config.hidden_size, config.rms_norm_eps)),
        post_attention_layernorm(weights.rms_norm(
            path + ".post_attention_layernorm", config.hidden_size, config.rms_norm_eps)),
        mlp(config, weights, path + ".mlp", layer) {
    if (config.is_recurrent(layer)) {
      linear_attn.emplace(config, weights, path + ".linear_attn", layer);
    } else {
      self_attn.emplace(config, weights, path + ".self_attn", layer);
    }
  }

  // x [rows, hidden_size] -> same
  mx::array operator()(const mx::array& x, const Attend& attend, nn::AdapterSpans adapters) const {
    const mx::array normed = input_layernorm(x);
    const mx::array mixed = linear_attn ? (*linear_attn)(normed, attend, adapters)
                                        : (*self_attn)(normed, attend, adapters);
    const mx::array h = mx::add(x, mixed);
    return mx::add(h, mlp(post_attention_layernorm(h), adapters));
  }

  [[nodiscard]] std::vector<const nn::Linear*> linears() const {
    auto all = linear_attn ? linear_attn->linears() : self_attn->linears();
    const auto inner = mlp.linears();
    all.insert(all.end(), inner.begin(), inner.end());
    return all;
  }

  nn::RmsNorm input_layernorm, post_attention_layernorm;
  std::optional<GatedDeltaNet> linear_attn;  // one of the two
  std::optional<GatedAttention> self_attn;
  Mlp mlp;
};

// The head of published folders, which mlx-lm drops: one more layer, with attention.
std::unique_ptr<const MtpHead> take_mtp_head(const ModelConfig& config, Weights& weights) {
  if (config.mtp_layers != 1 || !weights.has_any(config.path("mtp."))) {
    return nullptr;
  }
  ModelConfig own = config;
  own.num_hidden_layers = 1;
  own.linear_attention.reset();
  return std::make_unique<const MtpHead>(
      own, weights, [&own](Weights& from, const std::string& path) {
        return [layer = DecoderLayer(own, from, 0, path)](
                   const mx::array& x, const Attend& attend) { return layer(x, attend, {}); };
      });
}

}  // namespace

std::unique_ptr<LanguageModel> make_qwen3_5(const ModelConfig& config, Weights weights) {
  // As published, norms are stored as their distance from 1, and convolutions as PyTorch's; mlx-lm
  // tells by the latter (sanitize).
  ModelConfig own = config;
  const auto& shape = *own.linear_attention;
  if (weights.has(
          config.layer_path(0) + ".linear_attn.conv1d.weight",
          {shape.channels(), 1, shape.kernel})) {
    own.norm_offset = 1.0F;
    weights.set_norm_offset(own.norm_offset);
  }
  auto head = take_mtp_head(own, weights);
  return std::make_unique<Decoder<DecoderLayer>>(own, std::move(weights), std::move(head));
}

}  // namespace hub::models

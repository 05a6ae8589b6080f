// Port of mlx_lm/models/gemma4_text.py, without its caches: attention comes from outside
// (attend.h).
#include "core/models/gemma4.h"

#include <cmath>
#include <optional>
#include <utility>

#include <mlx/ops.h>

#include "core/models/attention.h"
#include "core/models/mlp.h"
#include "core/models/switch_glu.h"
#include "core/nn/geglu.h"
#include "core/tensor/ops.h"

namespace hub::models {
namespace {

using model_config::ModelConfig;

nn::RmsNorm norm(const ModelConfig& config, Weights& weights, const std::string& path) {
  return weights.rms_norm(path, config.hidden_size, config.rms_norm_eps);
}

// x times `factor`, in the type of x.
mx::array scaled(const mx::array& x, float factor) {
  return mx::multiply(x, mx::array(factor, x.dtype()));
}

// Before the rotary embedding, as Attend takes them.
struct KeysAndValues {
  mx::array keys;
  mx::array values;
};

class Gemma4Attention {
 public:
  Gemma4Attention(const ModelConfig& config, Weights& weights, const std::string& path, int layer)
      : q_proj(weights.linear(
            path + ".q_proj",
            config.hidden_size,
            config.num_attention_heads * config.head_dim_of(layer),
            false)),
        o_proj(weights.linear(
            path + ".o_proj",
            config.num_attention_heads * config.head_dim_of(layer),
            config.hidden_size,
            false)),
        q_norm(weights.rms_norm(path + ".q_norm", config.head_dim_of(layer), config.rms_norm_eps)),
        source_(config.key_value_layer_of(layer)) {
    if (source_ != layer) {
      return;
    }
    const int head_dim = config.head_dim_of(layer);
    const int keys = config.key_value_heads_of(layer) * head_dim;
    k_proj = weights.linear(path + ".k_proj", config.hidden_size, keys, false);
    if (!config.gemma4->keys_are_values || config.window_of(layer) > 0) {
      v_proj = weights.linear(path + ".v_proj", config.hidden_size, keys, false);
    }
    k_norm = weights.rms_norm(path + ".k_norm", head_dim, config.rms_norm_eps);
    v_norm = nn::RmsNorm(path + ".v_norm", mx::ones({head_dim}), config.rms_norm_eps);
  }

  // The layer whose keys and values this one attends to.
  [[nodiscard]] int source() const { return source_; }

  // x [rows, hidden_size] -> same. A layer with keys and values of its own puts them into `kept`,
  // where those that share them find them: Attend gets them again, which writes the same values to
  // the same places of the cache.
  mx::array operator()(
      const mx::array& x,
      const Attend& attend,
      nn::AdapterSpans adapters,
      std::optional<KeysAndValues>& kept) const {
    const mx::array q = norm_heads(q_norm, q_proj(x, adapters));
    if (k_proj) {
      const mx::array k = (*k_proj)(x, adapters);
      const mx::array v = v_proj ? (*v_proj)(x, adapters) : k;
      kept = KeysAndValues{norm_heads(*k_norm, k), norm_heads(*v_norm, v)};
    }
    return o_proj(attend(source_, q, kept->keys, kept->values), adapters);
  }

  [[nodiscard]] std::vector<const nn::Linear*> linears() const {
    std::vector<const nn::Linear*> all{&q_proj};
    for (const auto* own : {&k_proj, &v_proj}) {
      if (*own) {
        all.push_back(&**own);
      }
    }
    all.push_back(&o_proj);
    return all;
  }

  nn::Linear q_proj, o_proj;
  std::optional<nn::Linear> k_proj, v_proj;  // absent: another layer's, and the keys
  nn::RmsNorm q_norm;                        // [head_dim]
  std::optional<nn::RmsNorm> k_norm, v_norm;

 private:
  int source_;
};

class Router {
 public:
  Router(const ModelConfig& config, Weights& weights, const std::string& path)
      : proj(weights.linear(path + ".proj", config.hidden_size, config.experts->count, false)),
        norm_(
            path,
            scaled(
                weights.vector(path + ".scale", config.hidden_size),
                1.0F / std::sqrt(static_cast<float>(config.hidden_size))),
            config.rms_norm_eps),
        per_expert_scale_(weights.vector(path + ".per_expert_scale", config.experts->count)),
        top_k_(config.experts->per_token) {}

  struct Choice {
    mx::array experts;  // [rows, k]
    mx::array weights;  // [rows, k]
  };
  // x [rows, hidden_size]
  Choice operator()(const mx::array& x, nn::AdapterSpans adapters) const {
    const mx::array scores = proj(norm_(x), adapters);
    const mx::array chosen = largest_of(scores, top_k_);
    const mx::array weights = mx::softmax(mx::take_along_axis(scores, chosen, 1), 1);
    return {chosen, mx::multiply(weights, mx::take(per_expert_scale_, chosen, 0))};
  }

  nn::Linear proj;

 private:
  nn::RmsNorm norm_;
  mx::array per_expert_scale_;  // [experts]
  int top_k_;
};

// What experts add to the MLP's output.
class Experts {
 public:
  Experts(const ModelConfig& config, Weights& weights, const std::string& path)
      : router(config, weights, path + ".router"),
        switch_glu(config, weights, path + ".experts.switch_glu", false, nn::geglu),
        post_feedforward_layernorm_1(norm(config, weights, path + ".post_feedforward_layernorm_1")),
        post_feedforward_layernorm_2(norm(config, weights, path + ".post_feedforward_layernorm_2")),
        pre_feedforward_layernorm_2(norm(config, weights, path + ".pre_feedforward_layernorm_2")) {}

  // h [rows, hidden_size], and what the MLP made of it -> same
  mx::array operator()(
      const mx::array& h, const mx::array& dense, nn::AdapterSpans adapters) const {
    const Router::Choice choice = router(h, adapters);
    const mx::array outputs = switch_glu(pre_feedforward_layernorm_2(h), choice.experts, adapters);
    const mx::array sparse = weighted_sum(outputs, choice.weights);
    return mx::add(post_feedforward_layernorm_1(dense), post_feedforward_layernorm_2(sparse));
  }

  Router router;
  SwitchGlu switch_glu;
  nn::RmsNorm post_feedforward_layernorm_1, post_feedforward_layernorm_2;
  nn::RmsNorm pre_feedforward_layernorm_2;
};

// What a layer makes of its own input.
class LayerInput {
 public:
  LayerInput(const ModelConfig& config, Weights& weights, const std::string& path)
      : per_layer_input_gate(weights.linear(
            path + ".per_layer_input_gate",
            config.hidden_size,
            config.gemma4->layer_input_size,
            false)),
        per_layer_projection(weights.linear(
            path + ".per_layer_projection",
            config.gemma4->layer_input_size,
            config.hidden_size,
            false)),
        post_per_layer_input_norm(norm(config, weights, path + ".post_per_layer_input_norm")) {}

  // h [rows, hidden_size], input [rows, layer_input_size] -> [rows, hidden_size]
  mx::array operator()(
      const mx::array& h, const mx::array& input, nn::AdapterSpans adapters) const {
    const mx::array gate = nn::gelu_approx(per_layer_input_gate(h, adapters));
    const mx::array mixed = per_layer_projection(mx::multiply(gate, input), adapters);
    return mx::add(h, post_per_layer_input_norm(mixed));
  }

  nn::Linear per_layer_input_gate, per_layer_projection;
  nn::RmsNorm post_per_layer_input_norm;
};

class DecoderLayer {
 public:
  DecoderLayer(const ModelConfig& config, Weights& weights, int layer)
      : DecoderLayer(config, weights, layer, config.layer_path(layer)) {}

  // x [rows, hidden_size], input [rows, layer_input_size] where the model has such inputs -> as x.
  // `kept` holds one entry a layer.
  mx::array operator()(
      const mx::array& x,
      const Attend& attend,
      nn::AdapterSpans adapters,
      const std::optional<mx::array>& input,
      std::vector<std::optional<KeysAndValues>>& kept) const {
    auto& own = kept[static_cast<std::size_t>(self_attn.source())];
    const mx::array mixed = self_attn(input_layernorm(x), attend, adapters, own);
    mx::array h = mx::add(x, post_attention_layernorm(mixed));
    mx::array inner = mlp(pre_feedforward_layernorm(h), adapters);
    if (experts) {
      inner = (*experts)(h, inner, adapters);
    }
    h = mx::add(h, post_feedforward_layernorm(inner));
    if (layer_input) {
      h = (*layer_input)(h, *input, adapters);
    }
    return mx::multiply(h, layer_scalar);
  }

  [[nodiscard]] std::vector<const nn::Linear*> linears() const {
    std::vector<const nn::Linear*> all = self_attn.linears();
    const auto inner = mlp.linears();
    all.insert(all.end(), inner.begin(), inner.end());
    if (experts) {
      all.push_back(&experts->router.proj);
    }
    if (layer_input) {
      all.push_back(&layer_input->per_layer_input_gate);
      all.push_back(&layer_input->per_layer_projection);
    }
    return all;
  }

  Gemma4Attention self_attn;
  Mlp mlp;
  nn::RmsNorm input_layernorm, post_attention_layernorm;
  nn::RmsNorm pre_feedforward_layernorm, post_feedforward_layernorm;
  std::optional<Experts> experts;
  std::optional<LayerInput> layer_input;
  mx::array layer_scalar;  // [1]

 private:
  DecoderLayer(const ModelConfig& config, Weights& weights, int layer, const std::string& path)
      : self_attn(config, weights, path + ".self_attn", layer),
        mlp(weights,
            path + ".mlp",
            config.hidden_size,
            config.intermediate_size_of(layer),
            false,
            nn::geglu),
        input_layernorm(norm(config, weights, path + ".input_layernorm")),
        post_attention_layernorm(norm(config, weights, path + ".post_attention_layernorm")),
        pre_feedforward_layernorm(norm(config, weights, path + ".pre_feedforward_layernorm")),
        post_feedforward_layernorm(norm(config, weights, path + ".post_feedforward_layernorm")),
        layer_scalar(weights.vector(path + ".layer_scalar", 1)) {
    if (config.experts) {
      experts.emplace(config, weights, path);
    }
    if (config.gemma4->layer_input_size > 0) {
      layer_input.emplace(config, weights, path);
    }
  }
};

// The layers' own inputs, of the token's and of its embedding.
class LayerInputs {
 public:
  LayerInputs(const ModelConfig& config, Weights& weights)
      : layers_(config.num_hidden_layers),
        width_(config.gemma4->layer_input_size),
        embed_tokens_per_layer_(weights.embedding(
            config.path("model.embed_tokens_per_layer"),
            config.gemma4->layer_vocab_size,
            layers_ * width_)),
        per_layer_model_projection_(weights.linear(
            config.path("model.per_layer_model_projection"),
            config.hidden_size,
            layers_ * width_,
            false)),
        per_layer_projection_norm_(weights.rms_norm(
            config.path("model.per_layer_projection_norm"), width_, config.rms_norm_eps)) {}

  // tokens [rows] int32, h [rows, hidden_size] -> [rows, layers * width]
  mx::array operator()(const mx::array& tokens, const mx::array& h) const {
    const mx::array table =
        scaled(embed_tokens_per_layer_(tokens), std::sqrt(static_cast<float>(width_)));
    const mx::array projected = scaled(
        per_layer_model_projection_(h, {}), 1.0F / std::sqrt(static_cast<float>(h.shape(1))));
    return scaled(
        mx::add(norm_heads(per_layer_projection_norm_, projected), table), std::sqrt(0.5F));
  }

  // Of one layer: [rows, width].
  [[nodiscard]] mx::array of(const mx::array& all, int layer) const {
    return mx::slice(
        all, mx::Shape{0, layer * width_}, mx::Shape{all.shape(0), (layer + 1) * width_});
  }

 private:
  int layers_;
  int width_;
  nn::Embedding embed_tokens_per_layer_;
  nn::Linear per_layer_model_projection_;
  nn::RmsNorm per_layer_projection_norm_;
};

class Gemma4 final : public LanguageModel {
 public:
  Gemma4(const ModelConfig& config, Weights weights)
      : config_(config),
        embed_tokens_(weights.embedding(
            config.path("model.embed_tokens"), config.vocab_size, config.hidden_size)),
        norm_(norm(config, weights, config.path("model.norm"))) {
    layers_.reserve(static_cast<std::size_t>(config.num_hidden_layers));
    for (int layer = 0; layer < config.num_hidden_layers; ++layer) {
      layers_.emplace_back(config, weights, layer);
    }
    if (config.gemma4->layer_input_size > 0) {
      layer_inputs_.emplace(config, weights);
    }
    if (!config.tie_word_embeddings) {
      lm_head_ =
          weights.linear(config.path("lm_head"), config.hidden_size, config.vocab_size, false);
    }
    weights.finish();
    weight_bytes_ = weights.bytes();
  }

  [[nodiscard]] const ModelConfig& config() const override { return config_; }

  [[nodiscard]] mx::array hidden(
      const mx::array& tokens, const Attend& attend, nn::AdapterSpans adapters) const override {
    mx::array h = scaled(embed_tokens_(tokens, adapters), config_.embedding_scale);
    std::optional<mx::array> inputs;
    if (layer_inputs_) {
      inputs = (*layer_inputs_)(tokens, h);
    }
    std::vector<std::optional<KeysAndValues>> kept(layers_.size());
    for (int layer = 0; layer < config_.num_hidden_layers; ++layer) {
      const auto input = inputs ? std::optional(layer_inputs_->of(*inputs, layer)) : std::nullopt;
      h = layers_[static_cast<std::size_t>(layer)](h, attend, adapters, input, kept);
    }
    return norm_(h);
  }

  [[nodiscard]] mx::array logits(
      const mx::array& hidden, nn::AdapterSpans adapters) const override {
    mx::array out =
        lm_head_ ? (*lm_head_)(hidden, adapters) : embed_tokens_.as_linear(hidden, adapters);
    if (const float cap = config_.gemma4->logit_cap; cap > 0.0F) {
      out = scaled(mx::tanh(mx::divide(out, mx::array(cap, out.dtype()))), cap);
    }
    return tensor::astype(out, mx::float32);
  }

  [[nodiscard]] std::vector<const nn::Linear*> linears() const override {
    std::vector<const nn::Linear*> result;
    for (const DecoderLayer& layer : layers_) {
      const auto own = layer.linears();
      result.insert(result.end(), own.begin(), own.end());
    }
    return result;
  }

  [[nodiscard]] std::vector<const nn::SwitchLinear*> switch_linears() const override {
    std::vector<const nn::SwitchLinear*> result;
    for (const DecoderLayer& layer : layers_) {
      if (layer.experts) {
        const auto own = layer.experts->switch_glu.switch_linears();
        result.insert(result.end(), own.begin(), own.end());
      }
    }
    return result;
  }

  [[nodiscard]] const nn::Embedding* embedding() const override { return &embed_tokens_; }
  [[nodiscard]] const nn::Linear* output_head() const override {
    return lm_head_ ? &*lm_head_ : nullptr;
  }

  [[nodiscard]] std::uint64_t weight_bytes() const override { return weight_bytes_; }

 private:
  ModelConfig config_;
  nn::Embedding embed_tokens_;
  std::vector<DecoderLayer> layers_;
  std::optional<LayerInputs> layer_inputs_;
  nn::RmsNorm norm_;
  std::optional<nn::Linear> lm_head_;  // absent: tied to embed_tokens_
  std::uint64_t weight_bytes_ = 0;
};

}  // namespace

std::unique_ptr<LanguageModel> make_gemma4(const ModelConfig& config, Weights weights) {
  return std::make_unique<Gemma4>(config, std::move(weights));
}

}  // namespace hub::models

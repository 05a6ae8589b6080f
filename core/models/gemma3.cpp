// Port of mlx_lm/models/gemma3_text.py, without its caches: attention comes from outside
// (attend.h).
#include "core/models/gemma3.h"

#include <utility>

#include <mlx/ops.h>

#include "core/models/attention.h"
#include "core/models/decoder.h"
#include "core/models/mlp.h"
#include "core/nn/geglu.h"

namespace hub::models {
namespace {

using model_config::ModelConfig;

// x + y, kept within float16 where that is the type: Gemma's activations leave it.
mx::array clip_residual(const mx::array& x, const mx::array& y) {
  if (x.dtype() != mx::float16) {
    return mx::add(x, y);
  }
  const mx::array bound(65504.0F, mx::float32);
  const mx::array sum = mx::add(tensor::astype(x, mx::float32), tensor::astype(y, mx::float32));
  return tensor::astype(mx::clip(sum, mx::negative(bound), bound), mx::float16);
}

// As there, in two kernels on a GPU, where gemma4_text.py has one.
mx::array gelu_gated(const mx::array& gate, const mx::array& up) {
  return mx::multiply(nn::gelu_approx(gate), up);
}

class TransformerBlock {
 public:
  TransformerBlock(const ModelConfig& config, Weights& weights, int layer)
      : TransformerBlock(config, weights, layer, config.layer_path(layer)) {}

  // x [rows, hidden_size] -> same
  mx::array operator()(const mx::array& x, const Attend& attend, nn::AdapterSpans adapters) const {
    const mx::array mixed = self_attn(input_layernorm(x), attend, adapters);
    const mx::array h = clip_residual(x, post_attention_layernorm(mixed));
    const mx::array inner = mlp(pre_feedforward_layernorm(h), adapters);
    return clip_residual(h, post_feedforward_layernorm(inner));
  }

  [[nodiscard]] std::vector<const nn::Linear*> linears() const {
    std::vector<const nn::Linear*> all = self_attn.linears();
    const auto inner = mlp.linears();
    all.insert(all.end(), inner.begin(), inner.end());
    return all;
  }

  Attention self_attn;
  Mlp mlp;
  nn::RmsNorm input_layernorm, post_attention_layernorm;
  nn::RmsNorm pre_feedforward_layernorm, post_feedforward_layernorm;

 private:
  TransformerBlock(const ModelConfig& config, Weights& weights, int layer, const std::string& path)
      : self_attn(config, weights, path + ".self_attn", layer),
        mlp(weights,
            path + ".mlp",
            config.hidden_size,
            config.intermediate_size,
            false,
            gelu_gated),
        input_layernorm(norm(config, weights, path + ".input_layernorm")),
        post_attention_layernorm(norm(config, weights, path + ".post_attention_layernorm")),
        pre_feedforward_layernorm(norm(config, weights, path + ".pre_feedforward_layernorm")),
        post_feedforward_layernorm(norm(config, weights, path + ".post_feedforward_layernorm")) {}

  static nn::RmsNorm norm(const ModelConfig& config, Weights& weights, const std::string& path) {
    return weights.rms_norm(path, config.hidden_size, config.rms_norm_eps);
  }
};

}  // namespace

std::unique_ptr<LanguageModel> make_gemma3(const ModelConfig& config, Weights weights) {
  return std::make_unique<Decoder<TransformerBlock>>(config, std::move(weights));
}

}  // namespace hub::models

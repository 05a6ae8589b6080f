// Port of mlx_lm/models/phi3.py, without its caches: attention comes from outside (attend.h).
#include "core/models/phi3.h"

#include <utility>

#include <mlx/ops.h>

#include "core/models/decoder.h"
#include "core/models/transformer_block.h"
#include "core/nn/swiglu.h"

namespace hub::models {
namespace {

using model_config::ModelConfig;

class Attention {
 public:
  Attention(const ModelConfig& config, Weights& weights, const std::string& path, int layer)
      : qkv_proj(weights.linear(
            path + ".qkv_proj",
            config.hidden_size,
            (config.num_attention_heads + 2 * config.num_key_value_heads) * config.head_dim,
            false)),
        o_proj(weights.linear(
            path + ".o_proj",
            config.num_attention_heads * config.head_dim,
            config.hidden_size,
            false)),
        queries_(config.num_attention_heads * config.head_dim),
        keys_(config.num_key_value_heads * config.head_dim),
        layer_(layer) {}

  // x [rows, hidden_size] -> same
  mx::array operator()(const mx::array& x, const Attend& attend, nn::AdapterSpans adapters) const {
    const auto qkv = mx::split(qkv_proj(x, adapters), mx::Shape{queries_, queries_ + keys_}, 1);
    return o_proj(attend(layer_, qkv[0], qkv[1], qkv[2]), adapters);
  }

  [[nodiscard]] std::vector<const nn::Linear*> linears() const { return {&qkv_proj, &o_proj}; }

  nn::Linear qkv_proj, o_proj;

 private:
  int queries_;  // columns
  int keys_;
  int layer_;
};

class Mlp {
 public:
  Mlp(const ModelConfig& config, Weights& weights, const std::string& path, int /*layer*/)
      : gate_up_proj(weights.linear(
            path + ".gate_up_proj", config.hidden_size, 2 * config.intermediate_size, false)),
        down_proj(weights.linear(
            path + ".down_proj", config.intermediate_size, config.hidden_size, false)) {}

  // x [rows, hidden_size] -> same
  mx::array operator()(const mx::array& x, nn::AdapterSpans adapters) const {
    const auto gate_up = mx::split(gate_up_proj(x, adapters), 2, 1);
    return down_proj(nn::swiglu(gate_up[0], gate_up[1]), adapters);
  }

  [[nodiscard]] std::vector<const nn::Linear*> linears() const {
    return {&gate_up_proj, &down_proj};
  }

  nn::Linear gate_up_proj, down_proj;
};

}  // namespace

std::unique_ptr<LanguageModel> make_phi3(const ModelConfig& config, Weights weights) {
  return std::make_unique<Decoder<TransformerBlock<Attention, Mlp>>>(config, std::move(weights));
}

}  // namespace hub::models

#include "core/models/layer_attention.h"

#include <cmath>
#include <optional>

#include <mlx/ops.h>

#include "core/nn/rope.h"

namespace hub::models {
namespace {

using model_config::ModelConfig;

std::optional<nn::RopeScaling> scaling_of(const ModelConfig& config) {
  if (!config.rope_scaling) {
    return std::nullopt;
  }
  using Kind = nn::RopeScaling::Kind;
  const auto& from = *config.rope_scaling;
  nn::RopeScaling scaling;
  scaling.kind = from.type == "llama3"     ? Kind::kLlama3
                 : from.type == "longrope" ? Kind::kLongrope
                 : from.type == "yarn"     ? Kind::kYarn
                                           : Kind::kLinear;
  scaling.factor = from.factor;
  scaling.low_freq_factor = from.low_freq_factor;
  scaling.high_freq_factor = from.high_freq_factor;
  scaling.trained_context = from.original_max_position_embeddings;
  scaling.pair_factors = from.long_factor;
  scaling.beta_fast = from.beta_fast;
  scaling.beta_slow = from.beta_slow;
  scaling.mscale = from.mscale;
  scaling.mscale_all_dim = from.mscale_all_dim;
  return scaling;
}

// [dims / 2] float32
mx::array inverse_frequencies(
    int dims, float theta, const std::optional<nn::RopeScaling>& scaling) {
  const auto values = nn::rope_inverse_frequencies(dims, theta, scaling);
  return mx::array(values.data(), mx::Shape{static_cast<int>(values.size())}, mx::float32);
}

}  // namespace

std::vector<LayerAttention> attention_of_layers(const ModelConfig& config) {
  nn::AttentionShape shape{
      config.num_attention_heads,
      config.num_key_value_heads,
      config.head_dim,
      config.attention_scale.value_or(1.0F / std::sqrt(static_cast<float>(config.head_dim))),
      config.rope_traditional};
  const auto scaling = scaling_of(config);
  const int dims = config.rotary_dim > 0 ? config.rotary_dim : config.head_dim;
  const mx::array rotated = inverse_frequencies(dims, config.rope_theta, scaling);
  const mx::array local =
      inverse_frequencies(dims, config.rope_local_theta.value_or(config.rope_theta), std::nullopt);
  const mx::array none = mx::zeros({0}, mx::float32);
  std::vector<LayerAttention> layers;
  for (int layer = 0; layer < config.num_hidden_layers; ++layer) {
    shape.window = config.window_of(layer);
    const bool is_local = shape.window > 0 && config.rope_local_theta;
    shape.rope_scale = is_local ? 1.0F : nn::rope_scale(scaling);
    const mx::array& inv_freq = config.no_rope_layers.contains(layer) ? none
                                : is_local                            ? local
                                                                      : rotated;
    layers.push_back({shape, inv_freq});
  }
  return layers;
}

}  // namespace hub::models

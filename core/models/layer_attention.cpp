#include "core/models/layer_attention.h"

#include <cmath>
#include <map>
#include <optional>
#include <utility>

#include <mlx/ops.h>
#include <mlx/transforms.h>

#include "core/models/language_model.h"
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
                 : from.type == "linear"   ? Kind::kLinear
                                           : Kind::kProportional;
  scaling.factor = from.factor;
  scaling.low_freq_factor = from.low_freq_factor;
  scaling.high_freq_factor = from.high_freq_factor;
  scaling.trained_context = from.original_max_position_embeddings;
  scaling.pair_factors = from.long_factor;
  scaling.beta_fast = from.beta_fast;
  scaling.beta_slow = from.beta_slow;
  scaling.mscale = from.mscale;
  scaling.mscale_all_dim = from.mscale_all_dim;
  scaling.rotated_part = from.rotated_part;
  return scaling;
}

}  // namespace

std::vector<LayerAttention> attention_of_layers(const ModelConfig& config) {
  const auto scaling = scaling_of(config);
  std::map<std::pair<int, bool>, nn::RotaryEmbedding>
      known;  // by rotated elements, and whether local
  const auto rotation = [&](int dims, bool is_local) {
    const auto found = known.find({dims, is_local});
    if (found != known.end()) {
      return found->second;
    }
    const float theta = is_local ? *config.rope_local_theta : config.rope_theta;
    const nn::RotaryEmbedding made =
        nn::rotary_embedding(dims, theta, is_local ? std::nullopt : scaling);
    known.insert({{dims, is_local}, made});
    return made;
  };
  std::vector<LayerAttention> layers;
  for (int layer = 0; layer < config.num_hidden_layers; ++layer) {
    const int head_dim = config.head_dim_of(layer);
    nn::AttentionShape shape{
        config.num_attention_heads,
        config.key_value_heads_of(layer),
        head_dim,
        config.attention_scale.value_or(1.0F / std::sqrt(static_cast<float>(head_dim))),
        config.rope_traditional};
    shape.window = config.window_of(layer);
    const bool is_local = shape.window > 0 && config.rope_local_theta;
    shape.rope_scale = is_local ? 1.0F : nn::rope_scale(scaling);
    const int dims = config.rotary_dim > 0 ? config.rotary_dim : head_dim;
    layers.push_back(
        {shape,
         config.no_rope_layers.contains(layer) ? nn::RotaryEmbedding{mx::zeros({0}, mx::float32)}
                                               : rotation(dims, is_local)});
  }
  std::vector<mx::array> angles;
  for (const auto& [shape, turned] : layers) {
    angles.push_back(turned.inv_freq);
    if (turned.periods) {
      angles.push_back(*turned.periods);
    }
  }
  mx::eval(angles);
  return layers;
}

const std::vector<LayerAttention>& LanguageModel::attention() const {
  if (attention_.empty()) {
    attention_ = attention_of_layers(config());
  }
  return attention_;
}

}  // namespace hub::models

// Port of transformers' BertModel (models/bert/modeling_bert.py): embeddings, encoder layers with
// the norms behind the sums, no pooler.
#include "core/models/text_encoder.h"

#include <cmath>
#include <utility>

#include <fmt/format.h>
#include <mlx/ops.h>

#include "core/base/error.h"
#include "core/nn/geglu.h"

namespace hub::models {
namespace {

using model_config::ModelConfig;

nn::LayerNorm layer_norm(const ModelConfig& config, Weights& weights, const std::string& path) {
  mx::array weight = weights.vector(path + ".weight", config.hidden_size);
  mx::array bias = weights.vector(path + ".bias", config.hidden_size);
  return {std::move(weight), std::move(bias), config.encoder->layer_norm_eps};
}

}  // namespace

TextEncoder::TextEncoder(const ModelConfig& config, Weights weights)
    : config_(config),
      attention_{
          config.num_attention_heads,
          config.num_attention_heads,
          config.head_dim,
          1.0F / std::sqrt(static_cast<float>(config.head_dim))},
      words_(weights.embedding(config.embedding_path(), config.vocab_size, config.hidden_size)),
      positions_(weights.table(
          "embeddings.position_embeddings", config.encoder->positions, config.hidden_size)),
      types_(weights.table(
          "embeddings.token_type_embeddings", config.encoder->token_types, config.hidden_size)),
      norm_(layer_norm(config, weights, "embeddings.LayerNorm")) {
  for (int layer = 0; layer < config.num_hidden_layers; ++layer) {
    layers_.push_back(make_layer(config, weights, config.layer_path(layer)));
  }
  weights.finish();
  weight_bytes_ = weights.bytes();
}

TextEncoder::Layer TextEncoder::make_layer(
    const ModelConfig& config, Weights& weights, const std::string& path) {
  const int hidden = config.hidden_size;
  const int inner = config.intermediate_size;
  const auto linear = [&](const char* name, int in, int out) {
    return weights.linear(fmt::format("{}.{}", path, name), in, out, true);
  };
  return {
      linear("attention.self.query", hidden, hidden),
      linear("attention.self.key", hidden, hidden),
      linear("attention.self.value", hidden, hidden),
      linear("attention.output.dense", hidden, hidden),
      linear("intermediate.dense", hidden, inner),
      linear("output.dense", inner, hidden),
      layer_norm(config, weights, path + ".attention.output.LayerNorm"),
      layer_norm(config, weights, path + ".output.LayerNorm")};
}

mx::array TextEncoder::embed(const mx::array& tokens, const std::vector<int>& lengths) const {
  std::vector<int> places;
  places.reserve(tokens.size());
  for (const int length : lengths) {
    for (int i = 0; i < length; ++i) {
      places.push_back(config_.encoder->first_position + i);
    }
  }
  const mx::array rows(places.data(), {static_cast<int>(places.size())}, mx::int32);
  const mx::array first_type = mx::slice(types_, mx::Shape{0, 0}, mx::Shape{1, types_.shape(1)});
  const mx::array sum = mx::add(
      mx::add(words_(tokens), mx::take(positions_, rows, 0)), first_type);  // [rows, hidden]
  return norm_(sum);
}

mx::array TextEncoder::run(
    const Layer& layer, const mx::array& x, const std::vector<int>& lengths) const {
  const nn::AdapterSpans none;
  const mx::array mixed = nn::whole_attention(
      layer.query(x, none), layer.key(x, none), layer.value(x, none), lengths, attention_);
  const mx::array h = layer.attention_norm(mx::add(layer.attention_out(mixed, none), x));
  const mx::array wide = layer.inner(h, none);
  const mx::array active = config_.encoder->gelu_by_tanh ? nn::gelu_approx(wide) : nn::gelu(wide);
  return layer.norm(mx::add(layer.outer(active, none), h));
}

mx::array TextEncoder::hidden(const mx::array& tokens, const std::vector<int>& lengths) const {
  mx::array h = embed(tokens, lengths);
  for (const Layer& layer : layers_) {
    h = run(layer, h, lengths);
  }
  return h;
}

std::unique_ptr<TextEncoder> load_text_encoder(const std::filesystem::path& folder) {
  const auto config = ModelConfig::load(folder);
  if (!config.encoder) {
    throw base::Error(
        base::ErrorCode::kUnprocessable,
        fmt::format(
            "{}: a text encoder was wanted, but '{}' is a decoder",
            folder.string(),
            config.model_type));
  }
  return std::make_unique<TextEncoder>(config, Weights(folder, config));
}

}  // namespace hub::models

#include "core/models/attend.h"

#include <algorithm>
#include <utility>

#include <mlx/ops.h>

#include "core/models/layer_attention.h"

namespace hub::models {
namespace {

using model_config::ModelConfig;

constexpr int kSmallestCapacity = 64;  // tokens

// The first `length` rows of `rows`, with zeros up to `capacity`.
mx::array grown(const mx::array& rows, int length, int capacity) {
  mx::Shape end = rows.shape();
  mx::Shape rest = rows.shape();
  end[1] = length;
  rest[1] = capacity - length;
  return mx::concatenate(
      {mx::slice(rows, mx::Shape{0, 0, 0}, end), mx::zeros(rest, rows.dtype())}, 1);
}

}  // namespace

KvCache::KvCache(const ModelConfig& config) {
  for (int layer = 0; layer < config.num_hidden_layers; ++layer) {
    const int heads =
        config.key_value_layer_of(layer) == layer ? config.key_value_heads_of(layer) : 0;
    const mx::Shape empty{heads, 0, config.head_dim_of(layer)};
    layers_.push_back({mx::zeros(empty, mx::float32), mx::zeros(empty, mx::float32)});
  }
}

void KvCache::reserve(int rows) {
  const int wanted = length_ + rows;
  if (wanted <= capacity_) {
    return;
  }
  capacity_ = std::max({wanted, 2 * capacity_, kSmallestCapacity});
  for (Layer& layer : layers_) {
    if (layer.keys.shape(0) == 0) {
      continue;  // it attends to another layer's
    }
    layer.keys = grown(layer.keys, length_, capacity_);
    layer.values = grown(layer.values, length_, capacity_);
  }
}

void KvCache::trim(int length) {
  length_ = std::clamp(length, 0, length_);
}

std::uint64_t KvCache::bytes() const {
  std::uint64_t bytes = 0;
  for (const Layer& layer : layers_) {
    bytes += layer.keys.nbytes() + layer.values.nbytes();
  }
  return bytes;
}

std::vector<mx::array> KvCache::arrays() const {
  std::vector<mx::array> all;
  for (const Layer& layer : layers_) {
    all.push_back(layer.keys);
    all.push_back(layer.values);
  }
  return all;
}

Attend cached_attend(const ModelConfig& config, std::span<const SequenceRows> sequences) {
  return Attend([layers = attention_of_layers(config), sequences](
                    int layer,
                    const mx::array& q,
                    const mx::array& k,
                    const mx::array& v,
                    const Attend::Sinks& sinks) {
    std::vector<nn::CachedRows> parts;
    for (const SequenceRows& sequence : sequences) {
      // Moved, not copied: an array that nobody else holds is written in place.
      KvCache::Layer& kept = sequence.cache->layer(layer);
      parts.push_back(
          {std::move(kept.keys), std::move(kept.values), sequence.rows, sequence.cache->length()});
    }
    const auto& [shape, inv_freq] = layers[static_cast<std::size_t>(layer)];
    auto step = nn::cached_attention(q, k, v, inv_freq, std::move(parts), shape, sinks);
    for (std::size_t i = 0; i < sequences.size(); ++i) {
      KvCache::Layer& kept = sequences[i].cache->layer(layer);
      kept.keys = std::move(step.caches[i].keys);
      kept.values = std::move(step.caches[i].values);
    }
    return step.out;
  });
}

Attend causal_attend(const ModelConfig& config, std::vector<int> lengths) {
  return Attend([layers = attention_of_layers(config), lengths = std::move(lengths)](
                    int layer,
                    const mx::array& q,
                    const mx::array& k,
                    const mx::array& v,
                    const Attend::Sinks& sinks) {
    const auto& [shape, inv_freq] = layers[static_cast<std::size_t>(layer)];
    return nn::causal_attention(q, k, v, inv_freq, lengths, shape, sinks);
  });
}

Attend causal_attend(const ModelConfig& config, int batch, int length) {
  return causal_attend(config, std::vector<int>(static_cast<std::size_t>(batch), length));
}

}  // namespace hub::models

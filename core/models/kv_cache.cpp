#include "core/models/kv_cache.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <mlx/ops.h>

#include "core/base/error.h"
#include "core/model_config/kv_bits.h"

namespace hub::models {
namespace {

using model_config::ModelConfig;

constexpr int kSmallestCapacity = 64;  // tokens

// The first `length` rows of `rows`, with zeros up to `capacity`; none: all zeros, of `dtype`.
mx::array grown(const mx::array& rows, int length, int capacity, mx::Dtype dtype) {
  mx::Shape rest = rows.shape();
  rest[1] = capacity - length;
  if (length == 0) {
    return mx::zeros(rest, dtype);
  }
  mx::Shape end = rows.shape();
  end[1] = length;
  return mx::concatenate(
      {mx::slice(rows, mx::Shape{0, 0, 0}, end), mx::zeros(rest, rows.dtype())}, 1);
}

nn::DeltaState empty_state(const ModelConfig::LinearAttention& shape) {
  return nn::empty_delta_state(delta_heads(shape), shape.kernel);
}

nn::RowFormat row_format(int head_dim, const KvCacheOptions& options) {
  return options.bits == 0 ? nn::RowFormat{}
                           : nn::RowFormat{options.bits, model_config::kv_group_size(head_dim)};
}

// The part of that name, of that shape; of floats, or of words.
mx::array part_named(
    const std::unordered_map<std::string, mx::array>& parts,
    const std::string& name,
    const mx::Shape& shape,
    bool holds_words = false) {
  const auto found = parts.find(name);
  if (found == parts.end() || found->second.shape() != shape ||
      (found->second.dtype() == mx::uint32) != holds_words) {
    const mx::Shape& got = found == parts.end() ? mx::Shape{} : found->second.shape();
    throw base::Error(
        base::ErrorCode::kUnprocessable,
        fmt::format(
            "a cache's part {} must have shape [{}] of {}, got {}",
            name,
            fmt::join(shape, ", "),
            holds_words ? "words" : "floats",
            found == parts.end() ? "none" : fmt::format("[{}]", fmt::join(got, ", "))));
  }
  return found->second;
}

}  // namespace

nn::DeltaHeads delta_heads(const ModelConfig::LinearAttention& shape) {
  return {shape.key_heads, shape.value_heads, shape.key_dim, shape.value_dim};
}

KvCache::KvCache(const ModelConfig& config, KvCacheOptions options)
    : linear_attention_(config.linear_attention) {
  for (int layer = 0; layer < config.num_hidden_layers; ++layer) {
    const bool keeps_keys =
        config.key_value_layer_of(layer) == layer && !config.is_recurrent(layer);
    const int heads = keeps_keys ? config.key_value_heads_of(layer) : 0;
    const int head_dim = config.head_dim_of(layer);
    formats_.push_back(row_format(head_dim, options));
    const mx::array empty = mx::zeros(
        {heads, 0, nn::row_width(formats_.back(), head_dim)},
        options.bits == 0 ? mx::float32 : mx::uint32);
    layers_.push_back({empty, empty});
    if (config.is_recurrent(layer)) {
      states_.insert({layer, empty_state(*linear_attention_)});
    }
  }
}

void KvCache::forget_states() {
  for (auto& [layer, state] : states_) {
    state = empty_state(*linear_attention_);
  }
}

void KvCache::reserve(int rows) {
  const int wanted = length_ + rows;
  if (wanted <= capacity_) {
    return;
  }
  capacity_ = std::max({wanted, 2 * capacity_, kSmallestCapacity});
}

KvCache::Layer& KvCache::layer(int index, mx::Dtype dtype) {
  Layer& layer = layers_[static_cast<std::size_t>(index)];
  const mx::Dtype kept = format(index).bits > 0 ? mx::uint32 : dtype;
  const bool is_empty = length_ == 0 && layer.keys.dtype() != kept;
  if (layer.keys.shape(1) < capacity_ || is_empty) {
    layer.keys = grown(layer.keys, length_, capacity_, kept);
    layer.values = grown(layer.values, length_, capacity_, kept);
  }
  return layer;
}

void KvCache::trim(int length) {
  if (!states_.empty() && length < length_) {
    if (length > 0) {
      throw base::Error(
          base::ErrorCode::kInternal, "the state of a recurrent layer cannot go back");
    }
    forget_states();
  }
  length_ = std::clamp(length, 0, length_);
}

KvCache KvCache::prefix(int length) const {
  if (!states_.empty() && length != length_) {
    throw base::Error(base::ErrorCode::kInternal, "the state of a recurrent layer cannot go back");
  }
  KvCache copy = *this;
  copy.length_ = length;
  copy.capacity_ = std::max(length, kSmallestCapacity);
  for (Layer& layer : copy.layers_) {
    if (layer.keys.size() > 0) {  // else it has no attention of its own
      layer.keys = grown(layer.keys, length, copy.capacity_, layer.keys.dtype());
      layer.values = grown(layer.values, length, copy.capacity_, layer.values.dtype());
    }
  }
  return copy;
}

std::uint64_t KvCache::bytes() const {
  std::uint64_t bytes = 0;
  for (const Layer& layer : layers_) {
    bytes += layer.keys.nbytes() + layer.values.nbytes();
  }
  for (const auto& [layer, state] : states_) {
    bytes += state.conv.nbytes() + state.delta.nbytes();
  }
  return bytes;
}

std::vector<mx::array> KvCache::arrays() const {
  std::vector<mx::array> all;
  for (const Layer& layer : layers_) {
    all.push_back(layer.keys);
    all.push_back(layer.values);
  }
  for (const auto& [layer, state] : states_) {
    all.push_back(state.conv);
    all.push_back(state.delta);
  }
  return all;
}

std::vector<KvCache::Part> KvCache::parts() const {
  std::vector<Part> parts;
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    if (layers_[i].keys.size() > 0) {  // else it has no attention of its own
      parts.push_back({fmt::format("keys.{}", i), layers_[i].keys, true});
      parts.push_back({fmt::format("values.{}", i), layers_[i].values, true});
    }
  }
  for (const auto& [layer, state] : states_) {
    parts.push_back({fmt::format("conv.{}", layer), state.conv, false});
    parts.push_back({fmt::format("delta.{}", layer), state.delta, false});
  }
  return parts;
}

KvCache KvCache::of_parts(
    const ModelConfig& config,
    int length,
    const std::unordered_map<std::string, mx::array>& parts,
    KvCacheOptions options) {
  KvCache cache(config, options);
  const bool holds_words = options.bits > 0;
  for (std::size_t i = 0; i < cache.layers_.size(); ++i) {
    Layer& layer = cache.layers_[i];
    mx::Shape shape = layer.keys.shape();
    shape[1] = length;
    if (shape[0] > 0) {
      layer.keys = part_named(parts, fmt::format("keys.{}", i), shape, holds_words);
      layer.values = part_named(parts, fmt::format("values.{}", i), shape, holds_words);
    }
  }
  for (auto& [layer, state] : cache.states_) {
    state.conv = part_named(parts, fmt::format("conv.{}", layer), state.conv.shape());
    state.delta = part_named(parts, fmt::format("delta.{}", layer), state.delta.shape());
  }
  cache.length_ = length;
  cache.capacity_ = length;
  return cache;
}

}  // namespace hub::models

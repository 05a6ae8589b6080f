#include "core/models/attend.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <mlx/ops.h>

#include "core/base/error.h"
#include "core/model_config/memory_estimate.h"

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

nn::DeltaHeads heads_of(const ModelConfig::LinearAttention& shape) {
  return {shape.key_heads, shape.value_heads, shape.key_dim, shape.value_dim};
}

nn::DeltaState empty_state(const ModelConfig::LinearAttention& shape) {
  return nn::empty_delta_state(heads_of(shape), shape.kernel);
}

// Rows [begin, end) of a step's.
nn::DeltaRows part_of(const nn::DeltaRows& rows, int begin, int end) {
  const auto part = [&](const mx::array& x) {
    return mx::slice(x, mx::Shape{begin, 0}, mx::Shape{end, x.shape(1)});
  };
  return {part(rows.qkv), rows.conv, part(rows.log_decay), part(rows.beta)};
}

// Each sequence's rows go on from its own state.
mx::array recur_cached(
    int layer,
    const nn::DeltaRows& rows,
    std::span<const SequenceRows> sequences,
    const nn::DeltaHeads& heads) {
  std::vector<mx::array> parts;
  int done = 0;
  for (const SequenceRows& sequence : sequences) {
    parts.push_back(
        nn::delta_step(
            part_of(rows, done, done + sequence.rows), sequence.cache->state(layer), heads));
    done += sequence.rows;
  }
  return parts.size() == 1 ? parts.front() : mx::concatenate(parts, 0);
}

// The part of that name, of that shape.
mx::array part_named(
    const std::unordered_map<std::string, mx::array>& parts,
    const std::string& name,
    const mx::Shape& shape) {
  const auto found = parts.find(name);
  if (found == parts.end() || found->second.shape() != shape) {
    const mx::Shape& got = found == parts.end() ? mx::Shape{} : found->second.shape();
    throw base::Error(
        base::ErrorCode::kUnprocessable,
        fmt::format(
            "a cache's part {} must have shape [{}], got {}",
            name,
            fmt::join(shape, ", "),
            found == parts.end() ? "none" : fmt::format("[{}]", fmt::join(got, ", "))));
  }
  return found->second;
}

// Of a model without recurrent layers it is not asked for.
nn::DeltaHeads heads_of(const ModelConfig& config) {
  return config.linear_attention ? heads_of(*config.linear_attention) : nn::DeltaHeads{};
}

}  // namespace

KvCache::KvCache(const ModelConfig& config) : linear_attention_(config.linear_attention) {
  for (int layer = 0; layer < config.num_hidden_layers; ++layer) {
    const bool keeps_keys =
        config.key_value_layer_of(layer) == layer && !config.is_recurrent(layer);
    const int heads = keeps_keys ? config.key_value_heads_of(layer) : 0;
    const mx::Shape empty{heads, 0, config.head_dim_of(layer)};
    layers_.push_back({mx::zeros(empty, mx::float32), mx::zeros(empty, mx::float32)});
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
  const bool is_empty = length_ == 0 && layer.keys.dtype() != dtype;
  if (layer.keys.shape(1) < capacity_ || is_empty) {
    layer.keys = grown(layer.keys, length_, capacity_, dtype);
    layer.values = grown(layer.values, length_, capacity_, dtype);
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
    const std::unordered_map<std::string, mx::array>& parts) {
  KvCache cache(config);
  for (std::size_t i = 0; i < cache.layers_.size(); ++i) {
    Layer& layer = cache.layers_[i];
    mx::Shape shape = layer.keys.shape();
    shape[1] = length;
    if (shape[0] > 0) {
      layer.keys = part_named(parts, fmt::format("keys.{}", i), shape);
      layer.values = part_named(parts, fmt::format("values.{}", i), shape);
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

Attend cached_attend(const LanguageModel& model, std::span<const SequenceRows> sequences) {
  const auto attend = [layers = model.attention(), sequences](
                          int layer,
                          const mx::array& q,
                          const mx::array& k,
                          const mx::array& v,
                          const Attend::Sinks& sinks) {
    std::vector<nn::CachedRows> parts;
    std::vector<KvCache::Layer*> kept;
    for (const SequenceRows& sequence : sequences) {
      kept.push_back(&sequence.cache->layer(layer, k.dtype()));
      // Moved, not copied: an array that nobody else holds is written in place.
      parts.push_back(
          {std::move(kept.back()->keys),
           std::move(kept.back()->values),
           sequence.rows,
           sequence.cache->length()});
    }
    const auto& [shape, rotation] = layers[static_cast<std::size_t>(layer)];
    auto step = nn::cached_attention(q, k, v, rotation, std::move(parts), shape, sinks);
    for (std::size_t i = 0; i < kept.size(); ++i) {
      *kept[i] = {std::move(step.caches[i].keys), std::move(step.caches[i].values)};
    }
    return step.out;
  };
  const auto recur = [heads = heads_of(model.config()), sequences](
                         int layer, const nn::DeltaRows& rows) {
    return recur_cached(layer, rows, sequences, heads);
  };
  return {attend, recur};
}

std::uint64_t kv_bytes_per_token(const LanguageModel& model) {
  KvCache cache(model.config());
  cache.reserve(1);
  const std::vector<SequenceRows> one{{&cache, 1}};
  static_cast<void>(
      model.hidden(mx::zeros({1}, mx::int32), cached_attend(model, one), nn::AdapterSpans{}));
  const auto arrays = cache.arrays();
  const auto kept = std::ranges::find_if(arrays, [](const mx::array& x) { return x.size() > 0; });
  const std::size_t element = kept == arrays.end() ? sizeof(float) : kept->itemsize();
  return model_config::kv_bytes_per_token(model.config(), static_cast<int>(element));
}

Attend causal_attend(const LanguageModel& model, std::vector<int> lengths) {
  const auto attend = [layers = model.attention(), lengths](
                          int layer,
                          const mx::array& q,
                          const mx::array& k,
                          const mx::array& v,
                          const Attend::Sinks& sinks) {
    const auto& [shape, rotation] = layers[static_cast<std::size_t>(layer)];
    return nn::causal_attention(q, k, v, rotation, lengths, shape, sinks);
  };
  const auto recur = [heads = heads_of(model.config()), lengths = std::move(lengths)](
                         int /*layer*/, const nn::DeltaRows& rows) {
    return nn::delta_whole(rows, lengths, heads);
  };
  return {attend, recur};
}

Attend causal_attend(const LanguageModel& model, int batch, int length) {
  return causal_attend(model, std::vector<int>(static_cast<std::size_t>(batch), length));
}

}  // namespace hub::models

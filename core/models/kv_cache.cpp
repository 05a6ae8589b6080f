#include "core/models/kv_cache.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <mlx/ops.h>
#include <mlx/transforms.h>

#include "core/base/error.h"
#include "core/model_config/kv_bits.h"
#include "core/model_config/kv_window.h"

namespace hub::models {
namespace {

using model_config::ModelConfig;

constexpr int kSmallestCapacity = 64;  // tokens

// Of the first `length` rows those up to `sinks` and from `sinks` + `dropped` on.
struct Kept {
  int length = 0;
  int sinks = 0;
  int dropped = 0;
};

// Those rows, with zeros up to `capacity`; none: all zeros, of `dtype`.
mx::array grown(const mx::array& rows, const Kept& kept, int capacity, mx::Dtype dtype) {
  mx::Shape rest = rows.shape();
  rest[1] = capacity - (kept.length - kept.dropped);
  if (kept.length == 0) {
    return mx::zeros(rest, dtype);
  }
  const auto part = [&rows](int begin, int end) {
    return mx::slice(rows, {0, begin, 0}, {rows.shape(0), end, rows.shape(2)});
  };
  const mx::array zeros = mx::zeros(rest, rows.dtype());
  if (kept.dropped == 0) {
    return mx::concatenate({part(0, kept.length), zeros}, 1);
  }
  return mx::concatenate(
      {part(0, kept.sinks), part(kept.sinks + kept.dropped, kept.length), zeros}, 1);
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
    : options_(options),
      layers_dropped_(static_cast<std::size_t>(config.num_hidden_layers), 0),
      linear_attention_(config.linear_attention) {
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

mx::array KvCache::recur(int index, const nn::DeltaRows& rows, bool may_go_back) {
  nn::DeltaState& state = states_.at(index);
  last_step_.erase(index);
  if (may_go_back) {
    last_step_.insert({index, {state, rows}});
    step_began_ = length_;
  }
  return nn::delta_step(rows, state, delta_heads(*linear_attention_));
}

// To 0 < `length` < length_. However rows are cut into steps, a state has the same bits, so those
// that stay are mixed again; that takes no projection.
void KvCache::take_back_states(int length) {
  if (last_step_.size() != states_.size() || length < step_began_) {
    throw base::Error(
        base::ErrorCode::kInternal,
        fmt::format(
            "the state of a recurrent layer after {} tokens cannot go back to {}, only {}",
            length_,
            length,
            last_step_.size() == states_.size() ? fmt::format("as far as {}", step_began_)
                                                : "to the beginning"));
  }
  std::vector<mx::array> changed;
  for (auto& [layer, step] : last_step_) {
    nn::DeltaState& state = states_.at(layer);
    state = step.before;
    if (length > step_began_) {
      static_cast<void>(nn::delta_step(
          nn::part_of(step.rows, 0, length - step_began_), state, delta_heads(*linear_attention_)));
    }
    changed.push_back(state.conv);
    changed.push_back(state.delta);
  }
  mx::eval(changed);
}

void KvCache::reserve(int rows) {
  const int most = model_config::most_kv_rows(options_.window, rows);
  if (most > 0 && length_ - dropped_ + rows > std::max(most, capacity_)) {
    drop_rows();
  }
  const int wanted = length_ - dropped_ + rows;
  if (wanted <= capacity_) {
    return;
  }
  capacity_ = std::max({wanted, 2 * capacity_, kSmallestCapacity});
  if (most > 0) {
    capacity_ = std::min(capacity_, std::max(wanted, most));
  }
}

// What the next token does not see, in whole tiles of the attention kernel.
void KvCache::drop_rows() {
  const int oldest = std::max(0, length_ + 1 - (options_.window - options_.sinks));
  dropped_ = std::max(dropped_, oldest / nn::kMostSinks * nn::kMostSinks - options_.sinks);
}

nn::RowWindow KvCache::window() const {
  return options_.window == 0
             ? nn::RowWindow{}
             : nn::RowWindow{options_.window - options_.sinks, options_.sinks, dropped_};
}

KvCache::Layer& KvCache::layer(int index, mx::Dtype dtype) {
  Layer& layer = layers_[static_cast<std::size_t>(index)];
  int& dropped = layers_dropped_[static_cast<std::size_t>(index)];
  const mx::Dtype type = format(index).bits > 0 ? mx::uint32 : dtype;
  const bool is_empty = length_ == 0 && layer.keys.dtype() != type;
  if (layer.keys.shape(1) < capacity_ || is_empty || dropped != dropped_) {
    const Kept kept{length_ - dropped, options_.sinks, dropped_ - dropped};
    layer.keys = grown(layer.keys, kept, capacity_, type);
    layer.values = grown(layer.values, kept, capacity_, type);
    dropped = dropped_;
  }
  return layer;
}

void KvCache::trim(int length) {
  if (!states_.empty() && length < length_) {
    if (length > 0) {
      take_back_states(length);
    } else {
      forget_states();
    }
  }
  last_step_.clear();
  // The token at `length` must still see what its window holds.
  if (!is_whole() && length > 0 && length < std::min(length_, dropped_ + options_.window - 1)) {
    throw base::Error(base::ErrorCode::kInternal, "rows that were dropped cannot come back");
  }
  length_ = std::clamp(length, 0, length_);
  if (length_ == 0) {
    dropped_ = 0;
    std::ranges::fill(layers_dropped_, 0);
  }
}

KvCache KvCache::prefix(int length) const {
  if (!states_.empty() && length != length_) {
    throw base::Error(base::ErrorCode::kInternal, "the state of a recurrent layer cannot go back");
  }
  if (!is_whole()) {
    throw base::Error(base::ErrorCode::kInternal, "rows that were dropped cannot be lent");
  }
  KvCache copy = *this;
  copy.writers_.clear();
  copy.length_ = length;
  copy.capacity_ = std::max(length, kSmallestCapacity);
  for (Layer& layer : copy.layers_) {
    if (layer.keys.size() > 0) {  // else it has no attention of its own
      layer.keys = grown(layer.keys, {length}, copy.capacity_, layer.keys.dtype());
      layer.values = grown(layer.values, {length}, copy.capacity_, layer.values.dtype());
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
  for (const auto& [layer, step] : last_step_) {
    bytes += step.before.conv.nbytes() + step.before.delta.nbytes() + step.rows.qkv.nbytes() +
             step.rows.log_decay.nbytes() + step.rows.beta.nbytes();
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
  all.insert(all.end(), writers_.begin(), writers_.end());
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

#include "core/models/attend.h"

#include <algorithm>
#include <memory>
#include <utility>

#include <mlx/ops.h>

#include "core/model_config/memory_estimate.h"

namespace hub::models {
namespace {

using model_config::ModelConfig;

// Each sequence's rows go on from its own state.
mx::array recur_cached(
    int layer, const nn::DeltaRows& rows, std::span<const SequenceRows> sequences) {
  std::vector<mx::array> parts;
  int done = 0;
  for (const SequenceRows& sequence : sequences) {
    parts.push_back(sequence.cache->recur(
        layer, nn::part_of(rows, done, done + sequence.rows), sequence.drafted > 0));
    done += sequence.rows;
  }
  return parts.size() == 1 ? parts.front() : mx::concatenate(parts, 0);
}

// Of a model without recurrent layers it is not asked for.
nn::DeltaHeads heads_of(const ModelConfig& config) {
  return config.linear_attention ? delta_heads(*config.linear_attention) : nn::DeltaHeads{};
}

}  // namespace

Attend cached_attend(
    const std::vector<LayerAttention>& layers, std::span<const SequenceRows> sequences) {
  const auto attend = [layers, sequences, tables = std::make_shared<nn::StepTables>()](
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
           sequence.cache->length(),
           sequence.cache->format(layer),
           sequence.cache->window(),
           sequence.in_flight});
    }
    const auto& [shape, rotation] = layers[static_cast<std::size_t>(layer)];
    auto step =
        nn::cached_attention(q, k, v, rotation, std::move(parts), shape, sinks, tables.get());
    for (std::size_t i = 0; i < kept.size(); ++i) {
      *kept[i] = {std::move(step.caches[i].keys), std::move(step.caches[i].values)};
      sequences[i].cache->written_by(step.out);
    }
    return step.out;
  };
  const auto recur = [sequences](int layer, const nn::DeltaRows& rows) {
    return recur_cached(layer, rows, sequences);
  };
  return {attend, recur};
}

Attend cached_attend(const LanguageModel& model, std::span<const SequenceRows> sequences) {
  return cached_attend(model.attention(), sequences);
}

std::uint64_t kv_bytes_per_token(const LanguageModel& model, const KvCacheOptions& options) {
  if (options.bits > 0) {
    return model_config::kv_bytes_per_token(model.config(), 0, options.bits);
  }
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

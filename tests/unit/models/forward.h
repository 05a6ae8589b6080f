#pragma once

#include <vector>

#include <mlx/array.h>
#include <mlx/ops.h>
#include <mlx/transforms.h>

#include "core/models/attend.h"
#include "core/models/language_model.h"

namespace hub::models {

inline mx::array tokens_of(const std::vector<int>& ids) {
  return mx::array(ids.data(), mx::Shape{static_cast<int>(ids.size())}, mx::int32);
}

inline mx::array rows(const mx::array& x, int begin, int end) {
  return mx::slice(x, mx::Shape{begin, 0}, mx::Shape{end, x.shape(1)});
}

inline bool same_bits(const mx::array& left, const mx::array& right) {
  return mx::array_equal(left, right).item<bool>();
}

// max|left - right| / max|right|
inline float relative_error(const mx::array& left, const mx::array& right) {
  return mx::divide(mx::max(mx::abs(mx::subtract(left, right))), mx::max(mx::abs(right)))
      .item<float>();
}

// One serving step of several sequences: the logits of all their rows, evaluated. The last
// `drafted` of each are guesses.
inline mx::array step(
    const LanguageModel& model,
    const std::vector<std::vector<int>>& new_tokens,
    const std::vector<KvCache*>& caches,
    nn::AdapterSpans adapters = {},
    int drafted = 0) {
  std::vector<SequenceRows> sequences;
  std::vector<int> all;
  for (std::size_t i = 0; i < caches.size(); ++i) {
    const int count = static_cast<int>(new_tokens[i].size());
    caches[i]->reserve(count);
    sequences.push_back({caches[i], count, drafted});
    all.insert(all.end(), new_tokens[i].begin(), new_tokens[i].end());
  }
  const mx::array hidden = model.hidden(tokens_of(all), cached_attend(model, sequences), adapters);
  const mx::array logits = model.logits(hidden, adapters);
  std::vector<mx::array> results{logits};
  for (std::size_t i = 0; i < caches.size(); ++i) {
    caches[i]->advance(sequences[i].rows);
    for (const mx::array& array : caches[i]->arrays()) {
      results.push_back(array);
    }
  }
  mx::eval(results);
  return logits;
}

// The logits of every position of `ids`, in one step with a cache of its own.
inline mx::array forward(
    const LanguageModel& model, const std::vector<int>& ids, nn::AdapterSpans adapters = {}) {
  KvCache cache(model.config());
  return step(model, {ids}, {&cache}, adapters);
}

}  // namespace hub::models

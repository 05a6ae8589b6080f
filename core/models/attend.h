#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/models/kv_cache.h"
#include "core/models/language_model.h"

namespace hub::models {

// `rows` consecutive new tokens of one sequence in a step, at positions cache->length() …
struct SequenceRows {
  KvCache* cache = nullptr;
  int rows = 0;
  int drafted = 0;  // of them the last ones that are guesses: the cache may be trimmed to before
                    // any of them, also with recurrent layers
  // Its last step was not waited for (kernels::CachedSequence::in_flight).
  bool in_flight = false;
};

// Serving: the step's rows are those of `sequences`, one after another; each attends causally to
// its own cache, and a recurrence goes on from its own state. Reserve before the forward; call
// advance() on each cache after it. An output row
// depends on its own sequence alone, and not on how its prompt was cut into chunks. `sequences`
// must outlive the returned function.
Attend cached_attend(const LanguageModel& model, std::span<const SequenceRows> sequences);
// The same for layers outside of a model's own, such as those of a head.
Attend cached_attend(
    const std::vector<LayerAttention>& layers, std::span<const SequenceRows> sequences);
// Bytes of one token's keys and values as it keeps them: in the bits of the options, else in the
// type that attention computes in. Evaluates nothing.
std::uint64_t kv_bytes_per_token(const LanguageModel& model, const KvCacheOptions& options = {});

// Training: rows are sequences of `lengths` tokens, one after another, each at positions 0 …
// length - 1, causal, from empty states; differentiable. Padding goes at the end of a sequence.
Attend causal_attend(const LanguageModel& model, std::vector<int> lengths);
// The same for `batch` sequences of `length` tokens.
Attend causal_attend(const LanguageModel& model, int batch, int length);

}  // namespace hub::models

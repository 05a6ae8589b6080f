#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/engine/generation.h"
#include "core/engine/scheduler.h"
#include "core/engine/stream_state.h"
#include "core/models/attend.h"
#include "core/nn/lora.h"

namespace hub::engine {

// One request while it lives in the engine. Made by submit(), then belongs to the engine's thread.
struct Sequence {
  std::string request_id;
  std::vector<int> tokens;  // the prompt's, then those generated
  int prompt_length = 0;
  int max_length = 0;  // tokens.size() at which it ends with kLength
  SamplingParams sampling;
  std::uint64_t seed = 0;
  std::vector<int> stop_ids;
  // Shared, so that an adapter that is detached meanwhile lives until its last sequence ends.
  std::shared_ptr<const nn::LoraAdapter> adapter;
  std::shared_ptr<StreamState> stream;   // shared with the reader
  std::optional<models::KvCache> cache;  // absent while it waits
  int capacity = 0;                      // tokens that the cache has room for
  bool ended = false;                    // its last event was sent

  [[nodiscard]] SequenceView view() const {
    const int cached = cache ? cache->length() : 0;
    return {
        .cached = cached,
        .pending = static_cast<int>(tokens.size()) - cached,
        .capacity = capacity};
  }
};

}  // namespace hub::engine

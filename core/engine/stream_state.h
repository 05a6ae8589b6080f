#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>

#include "core/engine/generation.h"

namespace hub::engine {

// One request's events between the engine's thread (writes) and the reader. Bounded by the
// request's own max_tokens.
struct StreamState {
  std::mutex mutex;
  std::condition_variable ready;
  std::deque<TokenEvent> events;  // guarded by mutex
  bool ended = false;             // guarded by mutex: the last event was pushed
  std::atomic<bool> cancelled{false};
  // When the engine's thread first ran it: base::steady_seconds(); 0: it waits still.
  std::atomic<double> began{0.0};
  // Tokens of its prompt that were cached already.
  std::atomic<int> cached_tokens{0};
  // Tokens of its answer that were guessed and checked, and of them those that came.
  std::atomic<int> drafted_tokens{0};
  std::atomic<int> accepted_tokens{0};

  // Events after the last one are dropped: a request ends exactly once.
  void push(TokenEvent event) {
    {
      const std::lock_guard lock(mutex);
      if (ended) {
        return;
      }
      ended = event.finish.has_value();
      events.push_back(std::move(event));
    }
    ready.notify_one();
  }
};

}  // namespace hub::engine

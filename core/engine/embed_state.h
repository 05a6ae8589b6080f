#pragma once

#include <atomic>
#include <future>

#include "core/engine/embedding.h"

namespace hub::engine {

// What the engine's thread (writes) and the reader of one embedding request share.
struct EmbedState {
  std::promise<Vectors> vectors;
  std::atomic<bool> cancelled{false};
  std::atomic<double> began{0.0};  // base::steady_seconds(); 0: it waits still
};

}  // namespace hub::engine

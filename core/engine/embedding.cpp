#include "core/engine/embedding.h"

#include <utility>

#include "core/engine/embed_state.h"

namespace hub::engine {

PendingVectors::PendingVectors(std::shared_ptr<EmbedState> state)
    : state_(std::move(state)), vectors_(state_->vectors.get_future()) {}

PendingVectors::PendingVectors(PendingVectors&&) noexcept = default;

PendingVectors::~PendingVectors() {
  if (state_ != nullptr) {
    state_->cancelled = true;
  }
}

Vectors PendingVectors::get() {
  return vectors_.get();
}

double PendingVectors::began() const {
  return state_->began.load(std::memory_order_relaxed);
}

std::function<void()> PendingVectors::canceller() const {
  return [state = state_] { state->cancelled = true; };
}

}  // namespace hub::engine

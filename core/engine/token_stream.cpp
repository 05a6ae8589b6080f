#include "core/engine/token_stream.h"

#include <chrono>
#include <utility>

#include "core/engine/stream_state.h"

namespace hub::engine {

TokenStream::TokenStream(std::shared_ptr<StreamState> state) : state_(std::move(state)) {}

TokenStream::TokenStream(TokenStream&&) noexcept = default;

TokenStream::~TokenStream() {
  if (state_ != nullptr) {
    state_->cancelled = true;
  }
}

std::optional<TokenEvent> TokenStream::next() {
  std::unique_lock lock(state_->mutex);
  state_->ready.wait(lock, [this] { return state_->ended || !state_->events.empty(); });
  if (state_->events.empty()) {
    return std::nullopt;
  }
  TokenEvent event = std::move(state_->events.front());
  state_->events.pop_front();
  return event;
}

std::optional<TokenEvent> TokenStream::next_for(int timeout_ms, bool* timed_out) {
  {
    std::unique_lock lock(state_->mutex);
    *timed_out = !state_->ready.wait_for(lock, std::chrono::milliseconds(timeout_ms), [this] {
      return state_->ended || !state_->events.empty();
    });
  }
  return *timed_out ? std::nullopt : next();
}

double TokenStream::began() const {
  return state_->began.load(std::memory_order_relaxed);
}

int TokenStream::drafted_tokens() const {
  return state_->drafted_tokens.load(std::memory_order_relaxed);
}

int TokenStream::accepted_tokens() const {
  return state_->accepted_tokens.load(std::memory_order_relaxed);
}

int TokenStream::cached_tokens() const {
  return state_->cached_tokens.load(std::memory_order_relaxed);
}

std::function<void()> TokenStream::canceller() const {
  return [state = state_] { state->cancelled = true; };
}

}  // namespace hub::engine

#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "core/engine/generation.h"

namespace hub::engine {

struct StreamState;  // shared by the engine thread and the reader

// Reads one request's tokens; belongs to one thread. Destroying it cancels the request within one
// step.
class TokenStream {
 public:
  explicit TokenStream(std::shared_ptr<StreamState> state);
  ~TokenStream();
  TokenStream(TokenStream&&) noexcept;
  TokenStream& operator=(TokenStream&&) = delete;

  // Waits for the next event; nullopt after the last one.
  std::optional<TokenEvent> next();
  // As next(), but returns nullopt and sets `*timed_out` when nothing came within `timeout_ms`.
  std::optional<TokenEvent> next_for(int timeout_ms, bool* timed_out);

  // When its first forward began: base::steady_seconds(); 0: it has not.
  [[nodiscard]] double began() const;

  // Tokens of its prompt that were cached already; known with its first token.
  [[nodiscard]] int cached_tokens() const;
  // Tokens of its answer so far that were guessed and checked (drafter.h), and of them those that
  // came.
  [[nodiscard]] int drafted_tokens() const;
  [[nodiscard]] int accepted_tokens() const;

  // A function that ends the request early, callable from any thread and also after this stream is
  // gone; the reader then gets a last event with kCancelled.
  [[nodiscard]] std::function<void()> canceller() const;

 private:
  std::shared_ptr<StreamState> state_;
};

}  // namespace hub::engine

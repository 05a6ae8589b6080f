#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/clock.h"
#include "core/db/pool.h"

namespace hub::registry {

struct StoredAnswer {
  int status = 0;
  std::string body;
};

// Answers to POSTs that carried an Idempotency-Key, kept for 24 h, so that a client that lost an
// answer may send again and gets the same one. Thread-safe.
class IdempotencyStore {
 public:
  // Forgets keys that a dead server left at work.
  IdempotencyStore(db::Pool& pool, const base::Clock& clock);

  // The stored answer where this key was used before with the same body; else takes the key for the
  // caller, who must call finish() or abandon(). Throws kConflict when the body is another (reason
  // "idempotency_key_reused") or the first request is still at work ("idempotency_in_progress").
  std::optional<StoredAnswer> begin(
      std::string_view key, std::string_view route, std::string_view body_sha256);
  // Runs `make`, which may write rows of its own, and stores its answer, in one transaction: both
  // are there or neither.
  void finish_with(
      std::string_view key, std::string_view route, const std::function<StoredAnswer()>& make);
  void finish(std::string_view key, std::string_view route, const StoredAnswer& answer);
  // The request failed: the key is free again.
  void abandon(std::string_view key, std::string_view route);

  static constexpr std::int64_t kKeepMs = 24LL * 3600 * 1000;

 private:
  db::Pool& pool_;
  const base::Clock& clock_;
};

}  // namespace hub::registry

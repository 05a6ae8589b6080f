#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "core/base/clock.h"
#include "core/db/pool.h"
#include "core/registry/api_key.h"

namespace hub::registry {

// What a key has used since it was made.
struct KeyUse {
  std::int64_t requests = 0;          // let in
  std::int64_t refused_requests = 0;  // by one of its limits
  std::int64_t prompt_tokens = 0;
  std::int64_t completion_tokens = 0;
};

enum class KeyLimit : std::uint8_t { kRequests, kTokens, kStreams };
// "requests", "tokens", "streams"
std::string_view to_string(KeyLimit limit);

// Counts what keys use and holds it against their limits. A minute's limit is a bucket: it holds as
// many requests (or tokens) as the limit, and fills by so many a minute. What an answer takes is
// known at its end only: a request gets in while the bucket of tokens is above zero, and what it
// then takes may bring it below; nothing gets in until that is made up for. Buckets and streams are
// in memory: a restart fills the former. Counts are in the database, too, as of the last flush().
// Thread-safe; only flush() and the constructor block on the database, and begin_stream() may wait.
class KeyMeter {
 public:
  KeyMeter(db::Pool& pool, const base::Clock& clock);

  // Of one bucket.
  struct Window {
    std::int64_t limit = 0;
    std::int64_t remaining = 0;  // at least 0
    std::int64_t full_in_ms = 0;
  };
  struct Standing {
    std::optional<Window> requests{};  // where the key has such a limit
    std::optional<Window> tokens{};
    std::optional<KeyLimit> exceeded{};  // the request is refused: it took nothing
    int retry_after_s = 0;               // then, at least 1
  };
  // A request of this key; `generates`: it takes tokens, too.
  Standing admit(const ApiKey& key, bool generates);

  // A place among the answers that a key may have in the works at once, until the pointer is gone;
  // null when they are all taken, and none was given back in the time of `patience`: who read the
  // end of an answer and asks again comes a moment before its place is free. Of a key no more wait
  // than it has places; the others hear at once. The meter outlives it.
  [[nodiscard]] std::shared_ptr<void> begin_stream(
      const std::string& key_id,
      const KeyLimits& limits,
      std::chrono::milliseconds patience = std::chrono::milliseconds(0));

  void add_tokens(const std::string& key_id, std::int64_t prompt, std::int64_t completion);

  [[nodiscard]] KeyUse use(const std::string& key_id) const;

  // Writes what changed since the last call. Throws base::Error where the database does not take
  // it; it is then written by a later one.
  void flush();

 private:
  struct Bucket {
    std::int64_t limit = 0;  // 0: not yet used
    double level = 0;
    std::int64_t filled_at_ms = 0;
  };
  struct Entry {
    KeyUse use;
    Bucket requests;
    Bucket tokens;
    std::int64_t streams = 0;
    std::int64_t waiting = 0;  // for one of them to end
    bool unwritten = false;
  };
  void refuse(Entry& entry, Standing& standing, KeyLimit limit) const;

  db::Pool& pool_;
  const base::Clock& clock_;
  mutable std::mutex mutex_;
  std::condition_variable stream_ended_;
  std::map<std::string, Entry> entries_;  // guarded by mutex_; by key id
};

}  // namespace hub::registry

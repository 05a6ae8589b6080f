#pragma once

#include <cstdint>
#include <string>

#include "core/base/clock.h"
#include "core/db/pool.h"

namespace hub::registry {

// An answer of POST /v1/responses and the conversation that it answered.
struct StoredResponse {
  std::string id;
  std::string owner;          // the id of the key that it was made with; "": without one
  std::string response_json;  // the answer as it was sent
  std::string items_json;     // an array: all input items, those of earlier answers included
};

// Answers that later requests may go on from. Bounded in bytes and time: what is too old is gone at
// once, and for a new one the oldest make room: the owner's own where it would hold more than half
// of the bytes, else whosever they are. Thread-safe.
class ResponseStore {
 public:
  struct Limits {
    std::uint64_t most_bytes = 0;  // of all together; 0: nothing is stored
    double keep_seconds = 0;
  };

  ResponseStore(db::Pool& pool, const base::Clock& clock, Limits limits);

  // False where it alone is larger than the limit, or nothing is stored. Throws kUnavailable when
  // the database refuses.
  bool add(const StoredResponse& response);

  // Throws kNotFound (`response_not_found`, naming `param`) for one that is not there, has expired,
  // or is another owner's: nobody learns which.
  [[nodiscard]] StoredResponse get(
      const std::string& id, const std::string& owner, const std::string& param = {}) const;

  // Throws as get().
  void remove(const std::string& id, const std::string& owner);

  struct Figures {
    std::uint64_t count = 0;
    std::uint64_t bytes = 0;
  };
  [[nodiscard]] Figures figures() const;

  // The queries over many rows. All are answered from an index alone: a row's bytes lie behind its
  // texts, which would be read. Columns: count or rowid, bytes.
  static constexpr const char* kSum = "SELECT count(*), coalesce(sum(bytes), 0) FROM responses";
  static constexpr const char* kSumOfOwner =
      "SELECT count(*), coalesce(sum(bytes), 0) FROM responses WHERE owner = ?1";
  static constexpr const char* kOldest =
      "SELECT rowid, bytes FROM responses ORDER BY created_at, rowid LIMIT 1";
  static constexpr const char* kOldestOfOwner =
      "SELECT rowid, bytes FROM responses WHERE owner = ?1 ORDER BY created_at, rowid LIMIT 1";

 private:
  db::Pool& pool_;
  const base::Clock& clock_;
  const Limits limits_;
};

}  // namespace hub::registry

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/json.h"
#include "core/db/pool.h"

namespace hub::jobs {

// The tables of what an MLflow server is still to be told and of what it knows. Filled from the
// events, which whoever makes a change writes in the change's own transaction: so nothing is lost,
// and nobody waits. Thread-safe.
class MlflowOutbox {
 public:
  struct Entry {
    std::string object;  // "model:<id>", "job:<id>"
    std::int64_t seq = 0;
    std::int64_t since_ms = 0;
    std::int64_t not_before_ms = 0;
    int attempts = 0;   // that it refused
    std::string error;  // the last refusal
  };
  struct Counts {
    std::int64_t waiting = 0;
    std::int64_t refused = 0;  // of those
    std::optional<std::int64_t> oldest_ms;
  };

  explicit MlflowOutbox(db::Pool& pool);

  // For another server than before everything is told anew.
  void begin(const std::string& uri);
  // Looks at events that came since the last call, at most `limit` of them; how many there were.
  int take_events(int limit);

  // The entry whose turn it is; nullopt when none is due.
  std::optional<Entry> next(std::int64_t now_ms);
  // When the next one is due; nullopt when there is none at all.
  std::optional<std::int64_t> next_due();
  // It was sent: gone, unless it changed meanwhile.
  void sent(const Entry& entry);
  void refused(const Entry& entry, const std::string& error, std::int64_t not_before_ms);
  // Everything is due now.
  void retry();

  Counts counts();
  // The oldest first.
  std::vector<Entry> entries(int limit);
  std::optional<Entry> find(const std::string& object);

  // An object; null where nothing is known.
  base::Json link(const std::string& object);
  void set_link(const std::string& object, const base::Json& link);
  void remove_link(const std::string& object);

 private:
  db::Pool& pool_;
};

}  // namespace hub::jobs

#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/db/pool.h"

namespace hub::registry {

// One call that changed something, or tried to.
struct AuditEntry {
  std::int64_t id = 0;
  std::int64_t time_ms = 0;
  std::optional<std::string> key_id{};
  std::string actor{};  // the key's name, or "loopback" where no key was needed
  std::string method{};
  std::string route{};    // the pattern: "/models/{id}"
  std::string path{};     // as called
  std::string subject{};  // id of what was made, or what the path names
  int status = 0;         // HTTP's; kBegun while there is no answer
  std::string code{};     // of the error
  std::string request_id{};
};

// The log of who changed what. Rows are only added, finished once, and removed by age. Thread-safe.
class AuditLog {
 public:
  AuditLog(db::Pool& pool, const base::Clock& clock) : pool_(pool), clock_(clock) {}

  // HTTP's "Processing": the call began and has no answer. One that stays so after a restart was
  // cut off by the server's end, with or without its change.
  static constexpr int kBegun = 102;

  // Writes the entry of a call that is about to run, so that no change is without one, and returns
  // its id for finish(). `time_ms` is set here unless given; `status` and `code` are ignored.
  std::int64_t begin(AuditEntry entry);
  // How it ended.
  void finish(std::int64_t id, const std::string& subject, int status, const std::string& code);

  // An entry of a call that has ended. `time_ms` is set here unless given.
  void add(AuditEntry entry);
  // As add(), without touching the database now: written with the next add() or list(), for threads
  // that must not block. Beyond 1000 waiting entries the newest are dropped, so that a flood of
  // refused calls costs no memory.
  void add_later(AuditEntry entry);

  // Writes what add_later() left, before the database goes.
  void flush();

  struct Query {
    std::optional<std::int64_t> before{};  // ids below
    std::optional<std::string> key_id{};
    int limit = 50;
  };
  // Newest first.
  std::vector<AuditEntry> list(const Query& query);

  // Removes entries older than that; how many.
  std::int64_t prune(std::int64_t older_than_ms);

 private:
  // The id of the last one.
  std::int64_t write(const std::vector<AuditEntry>& entries);
  // What waits and then `entry`.
  std::int64_t write_with_waiting(AuditEntry entry);

  db::Pool& pool_;
  const base::Clock& clock_;
  std::mutex mutex_;
  std::vector<AuditEntry> waiting_;  // guarded by mutex_
};

}  // namespace hub::registry

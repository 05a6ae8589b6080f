#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/base/json.h"
#include "core/db/pool.h"

namespace hub::jobs {

struct Event {
  std::int64_t seq = 0;
  std::int64_t time_ms = 0;
  std::string type;          // "job.metric"
  std::string subject_kind;  // "job", "model", "version", "dataset", "evaluation", "hub"
  std::string subject_id;
  std::string data_json;

  // {"seq","time","type","subject":{"kind","id"},"data"} on one line.
  [[nodiscard]] std::string to_json() const;
};

// The one table of events: everything that happened, in one global sequence without gaps. Written
// by whoever makes a change (db::record_event in the change's own transaction); read here.
// Thread-safe.
class EventLog {
 public:
  explicit EventLog(db::Pool& pool);
  ~EventLog();
  EventLog(const EventLog&) = delete;
  EventLog& operator=(const EventLog&) = delete;

  // An event on its own, in its own transaction (engine started, hub started).
  std::int64_t append(
      std::int64_t now_ms,
      std::string_view type,
      std::string_view subject_kind,
      std::string_view subject_id,
      const base::Json& data);

  // Events with seq > `after`, in order, at most `limit`; only those of `subject_id` where given,
  // and of `type` where given.
  std::vector<Event> after(
      std::int64_t after,
      const std::optional<std::string>& subject_id,
      int limit = 500,
      const std::optional<std::string>& type = std::nullopt);

  // The newest sequence number; 0 when there is none.
  std::int64_t last();

  // Waits until something was committed that this function has not seen (`seen` is what commits()
  // was), close() was called, or `timeout` passed. Look at commits() *before* reading, so that a
  // commit between the read and the wait is not slept over.
  void wait(std::uint64_t seen, std::chrono::milliseconds timeout);
  [[nodiscard]] std::uint64_t commits() const;

  // Wakes all waiters for good: streams end at shutdown.
  void close();
  [[nodiscard]] bool closed() const;

 private:
  db::Pool& pool_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t commits_ = 0;  // guarded by mutex_
  bool closed_ = false;        // guarded by mutex_
};

}  // namespace hub::jobs

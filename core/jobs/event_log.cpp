#include "core/jobs/event_log.h"

#include <nlohmann/json.hpp>

#include "core/base/clock.h"
#include "core/db/change_feed.h"
#include "core/db/statement.h"

namespace hub::jobs {

std::string Event::to_json() const {
  const base::Json json = {
      {"seq", seq},
      {"time", base::rfc3339(time_ms)},
      {"type", type},
      {"subject", {{"kind", subject_kind}, {"id", subject_id}}},
      {"data", base::Json::parse(data_json)}};
  return json.dump(-1, ' ', false, base::Json::error_handler_t::replace);
}

EventLog::EventLog(db::Pool& pool) : pool_(pool) {
  pool_.on_commit(this, [this] {
    {
      const std::lock_guard lock(mutex_);
      ++commits_;
    }
    changed_.notify_all();
  });
}

EventLog::~EventLog() {
  pool_.remove_listener(this);
}

std::int64_t EventLog::append(
    std::int64_t now_ms,
    std::string_view type,
    std::string_view subject_kind,
    std::string_view subject_id,
    const base::Json& data) {
  std::int64_t seq = 0;
  pool_.write([&](db::Connection& connection) {
    seq = db::record_event(connection, now_ms, type, subject_kind, subject_id, data);
  });
  return seq;
}

std::vector<Event> EventLog::after(
    std::int64_t after,
    const std::optional<std::string>& subject_id,
    int limit,
    const std::optional<std::string>& type) {
  // Spelled out, so that each has the index that serves it.
  std::string query =
      "SELECT seq, time, type, subject_kind, subject_id, data_json FROM events WHERE seq > ?1";
  query += subject_id ? " AND subject_id = ?3" : " AND ?3 IS NULL";
  query += type ? " AND type = ?4" : " AND ?4 IS NULL";
  query += " ORDER BY seq LIMIT ?2";
  std::vector<Event> events;
  pool_.read([&](db::Connection& connection) {
    db::Statement rows(connection, query, after, limit, subject_id, type);
    while (rows.step()) {
      events.push_back(
          {rows.integer(0),
           rows.integer(1),
           rows.text(2),
           rows.text(3),
           rows.text(4),
           rows.text(5)});
    }
  });
  return events;
}

std::int64_t EventLog::last() {
  std::int64_t seq = 0;
  pool_.read([&](db::Connection& connection) {
    db::Statement row(connection, "SELECT COALESCE(MAX(seq), 0) FROM events");
    row.step();
    seq = row.integer(0);
  });
  return seq;
}

void EventLog::wait(std::uint64_t seen, std::chrono::milliseconds timeout) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, timeout, [&] { return closed_ || commits_ != seen; });
}

std::uint64_t EventLog::commits() const {
  const std::lock_guard lock(mutex_);
  return commits_;
}

void EventLog::close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  changed_.notify_all();
}

bool EventLog::closed() const {
  const std::lock_guard lock(mutex_);
  return closed_;
}

}  // namespace hub::jobs

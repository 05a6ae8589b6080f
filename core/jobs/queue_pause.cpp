// The pause of a JobQueue: a row of the settings, so that it survives a restart.
#include <nlohmann/json.hpp>

#include "core/db/change_feed.h"
#include "core/db/statement.h"
#include "core/jobs/job_queue.h"

namespace hub::jobs {

using base::Json;
using db::Connection;
using db::Statement;

void JobQueue::pause() {
  set_paused(true);
}

void JobQueue::unpause() {
  set_paused(false);
}

void JobQueue::set_paused(bool paused) {
  pool_.write([&](Connection& connection) {
    const std::int64_t now_ms = clock_.now_ms();
    const std::int64_t changed =
        Statement(
            connection,
            "INSERT INTO settings (key, value_json, updated_at) VALUES (?1, ?2, ?3) "
            "ON CONFLICT (key) DO UPDATE SET value_json = ?2, updated_at = ?3 "
            "WHERE value_json <> ?2",
            kPausedKey,
            paused ? "true" : "false",
            now_ms)
            .run();
    if (changed > 0) {
      db::record_event(
          connection,
          now_ms,
          paused ? "queue.paused" : "queue.resumed",
          "hub",
          "queue",
          Json::object());
    }
  });
}

bool JobQueue::paused() {
  bool paused = false;
  pool_.read([&](Connection& connection) {
    Statement row(
        connection, "SELECT 1 FROM settings WHERE key = ?1 AND value_json = 'true'", kPausedKey);
    paused = row.step();
  });
  return paused;
}

}  // namespace hub::jobs

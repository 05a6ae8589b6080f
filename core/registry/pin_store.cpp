#include "core/registry/pin_store.h"

#include <nlohmann/json.hpp>

#include "core/db/change_feed.h"
#include "core/db/statement.h"

namespace hub::registry {

using db::Connection;
using db::Statement;

void PinStore::set(const std::string& version_id, bool pinned) {
  pool_.write([&](Connection& connection) {
    const std::int64_t now = clock_.now_ms();
    Statement change =
        pinned ? Statement(
                     connection,
                     "INSERT INTO pins (version_id, created_at) VALUES (?1, ?2) "
                     "ON CONFLICT (version_id) DO NOTHING",
                     version_id,
                     now)
               : Statement(connection, "DELETE FROM pins WHERE version_id = ?1", version_id);
    if (change.run() > 0) {
      db::record_event(
          connection,
          now,
          pinned ? "version.pinned" : "version.unpinned",
          "version",
          version_id,
          base::Json::object());
    }
  });
}

std::vector<std::string> PinStore::all() {
  std::vector<std::string> ids;
  pool_.read([&](Connection& connection) {
    Statement rows(connection, "SELECT version_id FROM pins ORDER BY created_at, version_id");
    while (rows.step()) {
      ids.push_back(rows.text(0));
    }
  });
  return ids;
}

}  // namespace hub::registry

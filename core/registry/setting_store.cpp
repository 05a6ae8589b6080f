#include "core/registry/setting_store.h"

#include <nlohmann/json.hpp>

#include "core/db/change_feed.h"
#include "core/db/statement.h"

namespace hub::registry {

using db::Connection;
using db::Statement;

std::map<std::string, std::string> SettingStore::read(std::string_view prefix) {
  std::map<std::string, std::string> values;
  pool_.read([&](Connection& connection) {
    Statement rows(
        connection,
        "SELECT key, value_json FROM settings WHERE substr(key, 1, length(?1)) = ?1",
        prefix);
    while (rows.step()) {
      values[rows.text(0).substr(prefix.size())] = rows.text(1);
    }
  });
  return values;
}

void SettingStore::write(
    std::string_view prefix, const std::map<std::string, std::optional<std::string>>& changes) {
  pool_.write([&](Connection& connection) {
    const std::int64_t now = clock_.now_ms();
    for (const auto& [name, value] : changes) {
      const std::string key = std::string(prefix) + name;
      if (value) {
        Statement(
            connection,
            "INSERT INTO settings (key, value_json, updated_at) VALUES (?1, ?2, ?3) "
            "ON CONFLICT (key) DO UPDATE SET value_json = excluded.value_json, "
            "updated_at = excluded.updated_at",
            key,
            *value,
            now)
            .run();
      } else {
        Statement(connection, "DELETE FROM settings WHERE key = ?1", key).run();
      }
      db::record_event(
          connection,
          now,
          "setting.changed",
          "setting",
          name,
          {{"name", name}, {"value", value ? base::Json::parse(*value) : base::Json(nullptr)}});
    }
  });
}

}  // namespace hub::registry

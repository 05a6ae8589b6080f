#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/clock.h"
#include "core/db/pool.h"

namespace hub::registry {

// Rows of the table settings: JSON by name. Thread-safe.
class SettingStore {
 public:
  SettingStore(db::Pool& pool, const base::Clock& clock) : pool_(pool), clock_(clock) {}

  // Those whose name starts with `prefix`, without it.
  [[nodiscard]] std::map<std::string, std::string> read(std::string_view prefix);
  // All in one transaction, with an event setting.changed each; nullopt removes.
  void write(
      std::string_view prefix, const std::map<std::string, std::optional<std::string>>& changes);

 private:
  db::Pool& pool_;
  const base::Clock& clock_;
};

}  // namespace hub::registry

#pragma once

#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/db/pool.h"

namespace hub::registry {

// Rows of the table pins: versions whose engine is never unloaded to make room. Thread-safe.
class PinStore {
 public:
  PinStore(db::Pool& pool, const base::Clock& clock) : pool_(pool), clock_(clock) {}

  // Pins or lets go, with an event version.pinned or version.unpinned where that changes anything.
  void set(const std::string& version_id, bool pinned);
  // Ids of the pinned versions, the first pinned first.
  [[nodiscard]] std::vector<std::string> all();

 private:
  db::Pool& pool_;
  const base::Clock& clock_;
};

}  // namespace hub::registry

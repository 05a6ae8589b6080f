#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.h"
#include "core/db/pool.h"
#include "core/registry/records.h"

namespace hub::registry {

// Data sets: names for files that were checked once. Changes write their event (dataset.created,
// dataset.deleted) in the same transaction. Thread-safe.
class DatasetRegistry {
 public:
  DatasetRegistry(db::Pool& pool, const base::Clock& clock);

  // `id` and `created_at_ms` are set here unless given. Throws kInvalidArgument (name), kConflict
  // (reason "dataset_exists").
  Dataset add(Dataset dataset);
  // By id or name. Throws kNotFound, reason "dataset_not_found".
  Dataset get(std::string_view id_or_name);
  std::optional<Dataset> find(std::string_view id_or_name);
  std::vector<Dataset> list(const std::string& after_id, int limit);
  std::int64_t count();
  // Returns the row, so that the caller removes the file. Throws kNotFound; kConflict while a job
  // that has not ended uses it.
  Dataset remove(std::string_view id_or_name);

 private:
  db::Pool& pool_;
  const base::Clock& clock_;
};

}  // namespace hub::registry

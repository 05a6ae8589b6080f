#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.h"
#include "core/db/pool.h"
#include "core/registry/records.h"

namespace hub::registry {

// The alias that a bare model name means, where set.
inline constexpr std::string_view kProductionAlias = "production";

// "Move only if `metric` is not worse than what `not_worse_than` has now." Lower is better for
// names that end in loss or perplexity, higher for all others.
struct AliasGate {
  std::string metric;
  std::string not_worse_than;  // an alias of the same model
};

// Throws kInvalidArgument unless `alias` is a name and neither `latest` nor `v<digits>`, which have
// a meaning of their own. `field` is the path named in the error.
void check_alias(const std::string& alias, const std::string& field);

// Names that point to versions of a model. Moving one is atomic. Thread-safe.
class AliasRegistry {
 public:
  AliasRegistry(db::Pool& pool, const base::Clock& clock);

  // Throws kInvalidArgument (name; `latest` and v<digits> are taken by rule), kNotFound (model,
  // version), kConflict when the version is not ready or the gate fails (reason "gate_failed", with
  // both figures) or cannot be decided because a figure is missing (reason "gate_undecided"). A
  // gate whose alias does not exist yet passes: there is nothing to be worse than.
  Alias set(
      std::string_view model_id,
      const std::string& alias,
      std::int64_t number,
      const std::optional<AliasGate>& gate = std::nullopt);
  // Throws what set() would throw now, and changes nothing.
  void check(
      std::string_view model_id,
      const std::string& alias,
      std::int64_t number,
      const std::optional<AliasGate>& gate = std::nullopt);
  // Throws kNotFound, reason "alias_not_found".
  void remove(std::string_view model_id, const std::string& alias);
  std::optional<Alias> find(std::string_view model_id, const std::string& alias);
  std::vector<Alias> list(std::string_view model_id);

 private:
  db::Pool& pool_;
  const base::Clock& clock_;
};

}  // namespace hub::registry

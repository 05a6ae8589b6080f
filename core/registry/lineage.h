#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/db/pool.h"
#include "core/registry/records.h"

namespace hub::registry {

// Where versions come from and what was made of them.
struct LineageNode {
  enum class Kind : std::uint8_t { kVersion, kDataset, kJob };
  Kind kind = Kind::kVersion;
  std::string id{};         // of a version or job; a data set's digest, since that outlives its row
  std::string name{};       // a version's model, a data set's name; "" when it is gone
  std::int64_t number = 0;  // of a version
  std::string digest{};     // of contents
  std::string state{};      // of a version or job; "" when it is gone
  std::optional<VersionKind> version_kind{};
};

// From what something was made of to what was made: `from` and `to` are nodes' ids.
struct LineageEdge {
  std::string from;
  std::string to;
  std::string relation;  // "base", "parent", "dataset", "job"
};

struct LineageGraph {
  std::vector<LineageNode> nodes;  // the versions asked for come first
  std::vector<LineageEdge> edges;
  bool truncated = false;  // there is more than kMostVersions
};

// Follows base and parent of versions both ways, with the data sets and jobs that made them.
// Thread-safe.
class Lineage {
 public:
  explicit Lineage(db::Pool& pool) : pool_(pool) {}

  // Throws kNotFound, reason "version_not_found".
  LineageGraph of_version(std::string_view version_id);
  // Of all versions of a model, by its id or name. Throws kNotFound, reason "model_not_found".
  LineageGraph of_model(std::string_view id_or_name);

  static constexpr std::size_t kMostVersions = 500;

 private:
  db::Pool& pool_;
};

}  // namespace hub::registry

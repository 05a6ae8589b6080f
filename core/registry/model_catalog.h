#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/db/pool.h"
#include "core/registry/model_query.h"
#include "core/registry/records.h"

namespace hub::registry {

// What another record is called in a list.
struct VersionName {
  std::string id;
  std::string model;
  std::int64_t number = 0;
};

struct VersionEntry {
  Version version{};  // without files, unless asked for
  std::optional<VersionName> base{};
  std::optional<VersionName> parent{};
  std::vector<std::string> aliases{};  // that point to it, by name
};

struct ModelEntry {
  Model model{};
  // What the bare name means: the version of the `production` alias, else the newest ready one,
  // else the newest. Without files.
  std::optional<Version> current{};
  std::vector<Version> versions{};  // newest first, without files and configuration
  std::vector<Alias> aliases{};     // by name
};

template <typename Entry>
struct CatalogPage {
  std::vector<Entry> entries;
  std::optional<std::string> next;  // what `after` of the next page is; nullopt at the end
};

// Models and versions as lists show them, each with what belongs to it. A page takes a handful of
// statements, however long it is. Reads only. Thread-safe.
class ModelCatalog {
 public:
  explicit ModelCatalog(db::Pool& pool) : pool_(pool) {}

  // Throws kInvalidArgument (param "cursor") for an `after` that no page of this order gave.
  CatalogPage<ModelEntry> models(const ModelQuery& query);
  std::int64_t count_models();
  // By id or name. Throws kNotFound, reason "model_not_found".
  ModelEntry model(std::string_view id_or_name);
  // Newest first.
  CatalogPage<VersionEntry> versions(const VersionQuery& query);
  // With files. Throws kNotFound, reason "version_not_found".
  VersionEntry version(std::string_view version_id);

 private:
  db::Pool& pool_;
};

}  // namespace hub::registry

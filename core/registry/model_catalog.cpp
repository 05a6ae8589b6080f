#include "core/registry/model_catalog.h"

#include <unordered_map>

#include <fmt/format.h>

#include "core/db/statement.h"
#include "core/registry/version_rows.h"

namespace hub::registry {
namespace {

using db::Connection;
using db::Statement;

constexpr int kMostVersions = 1000;  // of one model, in its entry

// "(?, ?, …)", for ids that are bound in order.
std::string places(std::size_t count) {
  std::string text = "(";
  for (std::size_t i = 0; i < count; ++i) {
    text += i == 0 ? "?" : ", ?";
  }
  return text + ")";
}

template <typename Ids>
void bind_ids(Statement& statement, const Ids& ids) {
  for (const auto& id : ids) {
    statement.bind(id);
  }
}

// Versions and aliases of all entries, and the current version of each by `current_ids`.
void fill(
    Connection& connection,
    std::vector<ModelEntry>& entries,
    const std::vector<std::string>& current_ids) {
  if (entries.empty()) {
    return;
  }
  std::unordered_map<std::string, ModelEntry*> by_id;
  std::vector<std::string> ids;
  for (ModelEntry& entry : entries) {
    by_id[entry.model.id] = &entry;
    ids.push_back(entry.model.id);
  }
  Statement versions(
      connection,
      "SELECT id, model_id, number, kind, state, digest, created_at FROM versions "
      "WHERE model_id IN " +
          places(ids.size()) + " ORDER BY model_id, number DESC");
  bind_ids(versions, ids);
  while (versions.step()) {
    ModelEntry& entry = *by_id.at(versions.text(1));
    if (entry.versions.size() >= kMostVersions) {
      continue;
    }
    Version version;
    version.id = versions.text(0);
    version.model_id = entry.model.id;
    version.model_name = entry.model.name;
    version.number = versions.integer(2);
    version.kind = version_kind_from(versions.text(3)).value_or(VersionKind::kBase);
    version.state = version_state_from(versions.text(4)).value_or(VersionState::kCorrupt);
    version.digest = versions.text(5);
    version.created_at_ms = versions.integer(6);
    entry.versions.push_back(std::move(version));
  }
  Statement aliases(
      connection,
      "SELECT a.model_id, a.alias, a.version_id, v.number, a.updated_at FROM aliases AS a "
      "JOIN versions AS v ON v.id = a.version_id WHERE a.model_id IN " +
          places(ids.size()) + " ORDER BY a.model_id, a.alias");
  bind_ids(aliases, ids);
  while (aliases.step()) {
    by_id.at(aliases.text(0))
        ->aliases.push_back(
            {aliases.text(0),
             aliases.text(1),
             aliases.text(2),
             aliases.integer(3),
             aliases.integer(4)});
  }
  Statement current(connection, kSelectVersion + "WHERE v.id IN " + places(current_ids.size()));
  bind_ids(current, current_ids);
  while (current.step()) {
    Version version = version_from(current);
    by_id.at(version.model_id)->current = std::move(version);
  }
}

constexpr std::string_view kSelectModel =
    "SELECT m.id, m.name, m.base_model, m.description, m.tags_json, m.created_at, m.updated_at, "
    "m.current_version_id FROM models AS m ";

std::optional<VersionName> name_from(const Statement& row, int column) {
  if (row.is_null(column)) {
    return std::nullopt;
  }
  return VersionName{row.text(column), row.text(column + 1), row.integer(column + 2)};
}

// The names of what the versions refer to.
void fill(Connection& connection, std::vector<VersionEntry>& entries) {
  if (entries.empty()) {
    return;
  }
  std::unordered_map<std::string, VersionEntry*> by_id;
  std::vector<std::string> ids;
  for (VersionEntry& entry : entries) {
    by_id[entry.version.id] = &entry;
    ids.push_back(entry.version.id);
  }
  Statement names(
      connection,
      "SELECT v.id, b.id, bm.name, b.number, p.id, pm.name, p.number FROM versions AS v "
      "LEFT JOIN versions AS b ON b.id = v.base_version_id LEFT JOIN models AS bm ON "
      "bm.id = b.model_id LEFT JOIN versions AS p ON p.id = v.parent_version_id "
      "LEFT JOIN models AS pm ON pm.id = p.model_id WHERE v.id IN " +
          places(ids.size()));
  bind_ids(names, ids);
  while (names.step()) {
    VersionEntry& entry = *by_id.at(names.text(0));
    entry.base = name_from(names, 1);
    entry.parent = name_from(names, 4);
  }
  Statement aliases(
      connection,
      "SELECT version_id, alias FROM aliases WHERE version_id IN " + places(ids.size()) +
          " ORDER BY alias");
  bind_ids(aliases, ids);
  while (aliases.step()) {
    by_id.at(aliases.text(0))->aliases.push_back(aliases.text(1));
  }
}

}  // namespace

std::int64_t ModelCatalog::count_models() {
  std::int64_t count = 0;
  pool_.read([&](Connection& connection) {
    Statement rows(connection, "SELECT COUNT(*) FROM models");
    rows.step();
    count = rows.integer(0);
  });
  return count;
}

CatalogPage<ModelEntry> ModelCatalog::models(const ModelQuery& query) {
  const Conditions conditions = conditions_of(query);
  CatalogPage<ModelEntry> page;
  pool_.read([&](Connection& connection) {
    Statement rows(
        connection,
        fmt::format(
            "{}{}ORDER BY {} LIMIT {}",
            kSelectModel,
            conditions.text(),
            order_of(query),
            query.limit + 1));
    conditions.bind_to(rows);
    std::vector<std::string> current_ids;
    while (rows.step()) {
      if (page.entries.size() == static_cast<std::size_t>(query.limit)) {
        page.next = cursor_of(page.entries.back().model, query.order);
        break;
      }
      page.entries.push_back({.model = model_from(rows)});
      current_ids.push_back(rows.text(7));
    }
    fill(connection, page.entries, current_ids);
  });
  return page;
}

ModelEntry ModelCatalog::model(std::string_view id_or_name) {
  std::vector<ModelEntry> entries;
  pool_.read([&](Connection& connection) {
    const Model found = read_model(connection, id_or_name);
    Statement row(connection, std::string(kSelectModel) + "WHERE m.id = ?1", found.id);
    row.step();
    entries.push_back({.model = model_from(row)});
    fill(connection, entries, {row.text(7)});
  });
  return std::move(entries.front());
}

CatalogPage<VersionEntry> ModelCatalog::versions(const VersionQuery& query) {
  const Conditions conditions = conditions_of(query);
  CatalogPage<VersionEntry> page;
  pool_.read([&](Connection& connection) {
    Statement rows(
        connection,
        fmt::format(
            "{}{}ORDER BY v.id DESC LIMIT {}", kSelectVersion, conditions.text(), query.limit + 1));
    conditions.bind_to(rows);
    while (rows.step()) {
      if (page.entries.size() == static_cast<std::size_t>(query.limit)) {
        page.next = page.entries.back().version.id;
        break;
      }
      page.entries.push_back({.version = version_from(rows)});
    }
    fill(connection, page.entries);
  });
  return page;
}

VersionEntry ModelCatalog::version(std::string_view version_id) {
  std::vector<VersionEntry> entries;
  pool_.read([&](Connection& connection) {
    entries.push_back({.version = read_version(connection, version_id)});
    fill(connection, entries);
  });
  return std::move(entries.front());
}

}  // namespace hub::registry

#include "core/registry/dataset_registry.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/ids.h"
#include "core/db/change_feed.h"
#include "core/db/statement.h"

namespace hub::registry {
namespace {

using base::Error;
using base::ErrorCode;
using db::Connection;
using db::Statement;

const std::string kSelect =
    "SELECT id, name, digest, path, by_reference, format, rows, size_bytes, report_json, "
    "created_at FROM datasets ";

Dataset dataset_from(const Statement& row) {
  return {
      .id = row.text(0),
      .name = row.text(1),
      .digest = row.text(2),
      .path = row.text(3),
      .by_reference = row.integer(4) != 0,
      .format = row.text(5),
      .rows = row.integer(6),
      .size_bytes = row.integer(7),
      .report_json = row.text(8),
      .created_at_ms = row.integer(9)};
}

std::optional<Dataset> find_row(Connection& connection, std::string_view id_or_name) {
  Statement row(
      connection,
      kSelect + "WHERE name = ?1 OR id = ?1 ORDER BY name = ?1 DESC LIMIT 1",
      id_or_name);
  return row.step() ? std::optional(dataset_from(row)) : std::nullopt;
}

Dataset read_row(Connection& connection, std::string_view id_or_name) {
  auto dataset = find_row(connection, id_or_name);
  if (!dataset) {
    throw Error(
        ErrorCode::kNotFound,
        fmt::format("there is no data set '{}'", id_or_name),
        "dataset",
        "dataset_not_found");
  }
  return *std::move(dataset);
}

}  // namespace

DatasetRegistry::DatasetRegistry(db::Pool& pool, const base::Clock& clock)
    : pool_(pool), clock_(clock) {}

Dataset DatasetRegistry::add(Dataset dataset) {
  base::check_name(dataset.name, "name");
  if (dataset.id.empty()) {
    dataset.id = base::new_id();
  }
  if (dataset.created_at_ms == 0) {
    dataset.created_at_ms = clock_.now_ms();
  }
  pool_.write([&](Connection& connection) {
    const std::int64_t inserted =
        Statement(
            connection,
            "INSERT INTO datasets (id, name, digest, path, by_reference, format, rows, "
            "size_bytes, report_json, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, "
            "?10) ON CONFLICT (name) DO NOTHING",
            dataset.id,
            dataset.name,
            dataset.digest,
            dataset.path,
            dataset.by_reference,
            dataset.format,
            dataset.rows,
            dataset.size_bytes,
            dataset.report_json,
            dataset.created_at_ms)
            .run();
    if (inserted == 0) {
      throw Error(
          ErrorCode::kConflict,
          fmt::format("a data set named '{}' is registered already", dataset.name),
          "name",
          "dataset_exists");
    }
    db::record_event(
        connection,
        clock_.now_ms(),
        "dataset.created",
        "dataset",
        dataset.id,
        {{"name", dataset.name}, {"rows", dataset.rows}, {"digest", dataset.digest}});
  });
  return dataset;
}

Dataset DatasetRegistry::get(std::string_view id_or_name) {
  std::optional<Dataset> dataset;
  pool_.read([&](Connection& connection) { dataset = read_row(connection, id_or_name); });
  return dataset.value();
}

std::optional<Dataset> DatasetRegistry::find(std::string_view id_or_name) {
  std::optional<Dataset> dataset;
  pool_.read([&](Connection& connection) { dataset = find_row(connection, id_or_name); });
  return dataset;
}

std::vector<Dataset> DatasetRegistry::list(const std::string& after_id, int limit) {
  std::vector<Dataset> datasets;
  pool_.read([&](Connection& connection) {
    Statement rows(connection, kSelect + "WHERE id > ?1 ORDER BY id LIMIT ?2", after_id, limit);
    while (rows.step()) {
      datasets.push_back(dataset_from(rows));
    }
  });
  return datasets;
}

std::int64_t DatasetRegistry::count() {
  std::int64_t count = 0;
  pool_.read([&](Connection& connection) {
    Statement rows(connection, "SELECT COUNT(*) FROM datasets");
    rows.step();
    count = rows.integer(0);
  });
  return count;
}

Dataset DatasetRegistry::remove(std::string_view id_or_name) {
  std::optional<Dataset> dataset;
  pool_.write([&](Connection& connection) {
    dataset = read_row(connection, id_or_name);
    Statement jobs(
        connection,
        "SELECT id, state FROM jobs WHERE dataset_id = ?1 AND state IN ('QUEUED', 'RUNNING') "
        "LIMIT 1",
        dataset->id);
    if (jobs.step()) {
      throw Error(
          ErrorCode::kConflict,
          fmt::format(
              "data set '{}' is used by job {}, which is {}: cancel it or wait",
              dataset->name,
              jobs.text(0),
              jobs.text(1)),
          "id",
          "dataset_in_use");
    }
    Statement(connection, "DELETE FROM datasets WHERE id = ?1", dataset->id).run();
    db::record_event(
        connection,
        clock_.now_ms(),
        "dataset.deleted",
        "dataset",
        dataset->id,
        {{"name", dataset->name}});
  });
  return dataset.value();
}

}  // namespace hub::registry

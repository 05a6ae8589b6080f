#include "core/db/migrations.h"

#include <string>
#include <vector>

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Exception.h>
#include <fmt/format.h>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/db/copy.h"
#include "core/db/database.h"
#include "core/db/statement.h"

namespace hub::db {
namespace {

constexpr const char* kTable =
    "CREATE TABLE IF NOT EXISTS schema_migrations ("
    "number INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL, "
    "applied_at INTEGER NOT NULL) STRICT";

struct Applied {
  int number;
  std::string name;
  std::string checksum;
};

std::vector<Applied> applied_steps(Connection& connection) {
  std::vector<Applied> steps;
  if (!connection.tableExists("schema_migrations")) {
    return steps;
  }
  Statement rows(
      connection, "SELECT number, name, checksum FROM schema_migrations ORDER BY number");
  while (rows.step()) {
    steps.push_back({static_cast<int>(rows.integer(0)), rows.text(1), rows.text(2)});
  }
  return steps;
}

void refuse_strangers(
    const std::vector<Applied>& applied,
    std::span<const Migration> migrations,
    const std::filesystem::path& file) {
  for (std::size_t i = 0; i < applied.size(); ++i) {
    const Applied& step = applied[i];
    if (i >= migrations.size()) {
      throw base::Error(
          base::ErrorCode::kConflict,
          fmt::format(
              "{} was written by a newer MLX Model Hub: it has schema step {} ({}), this program "
              "knows {} steps. Start the newer program, or restore the backup made before its "
              "first start",
              file.string(),
              step.number,
              step.name,
              migrations.size()),
          {},
          "database_newer");
    }
    if (step.number != migrations[i].number ||
        step.checksum != base::sha256_hex(migrations[i].sql)) {
      throw base::Error(
          base::ErrorCode::kConflict,
          fmt::format(
              "{}: schema step {} ({}) is not the one this program was built with (checksum {}, "
              "expected {}). It comes from another build; do not use it with this one",
              file.string(),
              step.number,
              step.name,
              step.checksum.substr(0, 12),
              base::sha256_hex(migrations[i].sql).substr(0, 12)),
          {},
          "database_changed");
    }
  }
}

std::filesystem::path back_up(
    Connection& connection, const std::filesystem::path& file, int number, std::int64_t now_ms) {
  std::filesystem::path backup = fmt::format("{}.backup-{}-{}", file.string(), number, now_ms);
  copy_database(connection, backup);
  return backup;
}

void apply(Connection& connection, const Migration& step, std::int64_t now_ms) {
  Transaction transaction(connection);
  connection.exec(std::string(step.sql));
  Statement(
      connection,
      "INSERT INTO schema_migrations (number, name, checksum, applied_at) VALUES (?1, ?2, ?3, ?4)",
      step.number,
      step.name,
      base::sha256_hex(step.sql),
      now_ms)
      .run();
  transaction.commit();
}

}  // namespace

void refuse_unknown_schema(
    const std::filesystem::path& file, std::span<const Migration> migrations) {
  const std::unique_ptr<Connection> connection = open_database(file);
  try {
    refuse_strangers(applied_steps(*connection), migrations, file);
  } catch (const SQLite::Exception& failure) {
    rethrow_as_error(failure);
  }
}

MigrationReport migrate(
    const std::filesystem::path& file, std::int64_t now_ms, std::span<const Migration> migrations) {
  const std::unique_ptr<Connection> connection = open_database(file);
  MigrationReport report;
  try {
    const std::vector<Applied> applied = applied_steps(*connection);
    refuse_strangers(applied, migrations, file);
    report.from = static_cast<int>(applied.size());
    report.to = static_cast<int>(migrations.size());
    if (report.from > 0 && report.from < report.to) {
      report.backup = back_up(*connection, file, report.from, now_ms);
    }
    connection->exec(kTable);
    for (const Migration& step : migrations.subspan(applied.size())) {
      apply(*connection, step, now_ms);
    }
  } catch (const SQLite::Exception& failure) {
    rethrow_as_error(failure);
  }
  return report;
}

}  // namespace hub::db

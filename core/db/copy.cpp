#include "core/db/copy.h"

#include <system_error>

#include <SQLiteCpp/Backup.h>
#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Exception.h>
#include <fmt/format.h>

#include "core/base/error.h"
#include "core/base/file.h"
#include "core/db/statement.h"

namespace hub::db {
namespace {

[[noreturn]] void damaged(const std::filesystem::path& file, const std::string& complaint) {
  throw base::Error(
      base::ErrorCode::kUnprocessable,
      fmt::format("the database {} is damaged: {}", file.string(), complaint),
      {},
      "database_damaged");
}

}  // namespace

void copy_database(Connection& source, const std::filesystem::path& target) {
  try {
    {
      Connection copy(target.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
      SQLite::Backup(copy, source).executeStep(-1);
    }
    base::sync_path(target);
  } catch (const SQLite::Exception& failure) {
    std::error_code ignored;
    std::filesystem::remove(target, ignored);
    throw base::Error(
        base::ErrorCode::kUnavailable,
        fmt::format("cannot copy the database to {}: {}", target.string(), failure.getErrorStr()));
  }
}

void copy_database(const std::filesystem::path& source, const std::filesystem::path& target) {
  copy_database(*open_database(source), target);
}

void check_database(const std::filesystem::path& file) {
  const std::unique_ptr<Connection> connection = open_database(file);
  try {
    Statement complaints(*connection, "PRAGMA integrity_check(5)");
    while (complaints.step()) {
      if (complaints.text(0) != "ok") {
        damaged(file, complaints.text(0));
      }
    }
    Statement strays(*connection, "PRAGMA foreign_key_check");
    if (strays.step()) {
      damaged(
          file,
          fmt::format(
              "a row of {} refers to one of {} that is gone", strays.text(0), strays.text(2)));
    }
  } catch (const SQLite::Exception& failure) {
    damaged(file, failure.what());
  }
}

}  // namespace hub::db

#include "core/db/database.h"

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Exception.h>
#include <fmt/format.h>
#include <sqlite3.h>

#include "core/base/error.h"

namespace hub::db {
namespace {

constexpr int kBusyTimeoutMs = 10'000;

}  // namespace

std::unique_ptr<Connection> open_database(const std::filesystem::path& file) {
  try {
    auto connection = std::make_unique<Connection>(
        file.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE, kBusyTimeoutMs);
    connection->exec("PRAGMA journal_mode = WAL");
    connection->exec("PRAGMA synchronous = FULL");
    connection->exec("PRAGMA foreign_keys = ON");
    return connection;
  } catch (const SQLite::Exception& failure) {
    throw base::Error(
        base::ErrorCode::kUnavailable,
        fmt::format("cannot open the database {}: {}", file.string(), failure.getErrorStr()));
  }
}

void rethrow_as_error(const SQLite::Exception& failure) {
  const auto unavailable = [&](std::string_view what) {
    return base::Error(
        base::ErrorCode::kUnavailable,
        fmt::format("the database cannot be used now: {} ({})", what, failure.what()),
        {},
        "database_unavailable");
  };
  switch (failure.getErrorCode()) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      throw unavailable("another process keeps it locked");
    case SQLITE_FULL:
      throw unavailable("the disk is full");
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_CANTOPEN:
      throw unavailable("its file or folder is not writable");
    case SQLITE_IOERR:
      throw unavailable("reading or writing its file failed");
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      throw unavailable("its file is damaged; restore it from a backup");
    default:
      throw;
  }
}

Transaction::Transaction(Connection& connection) : connection_(connection) {
  connection_.exec("BEGIN IMMEDIATE");
}

Transaction::~Transaction() {
  if (open_) {
    // After some failures (disk full) SQLite has rolled back by itself and refuses a second one.
    static_cast<void>(connection_.tryExec("ROLLBACK"));
  }
}

void Transaction::commit() {
  connection_.exec("COMMIT");
  open_ = false;
}

}  // namespace hub::db

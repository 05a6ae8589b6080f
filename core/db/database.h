#pragma once

#include <filesystem>
#include <memory>

namespace SQLite {
class Database;
class Exception;
}  // namespace SQLite

namespace hub::db {

// A connection belongs to one thread at a time; Pool sees to that.
using Connection = SQLite::Database;

// Opens (and creates) the file with WAL, foreign keys, synchronous FULL and a busy timeout of 10 s.
// Throws kUnavailable naming the file and SQLite's reason.
std::unique_ptr<Connection> open_database(const std::filesystem::path& file);

// Rethrows SQLite's complaint as our Error where the reason lies outside this program: kUnavailable
// for a locked or full disk, an unwritable or damaged file. Anything else is a bug of ours and is
// rethrown as it is.
[[noreturn]] void rethrow_as_error(const SQLite::Exception& failure);

// BEGIN IMMEDIATE … commit(); the destructor rolls back what was not committed.
class Transaction {
 public:
  explicit Transaction(Connection& connection);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  void commit();

 private:
  Connection& connection_;
  bool open_ = true;
};

}  // namespace hub::db

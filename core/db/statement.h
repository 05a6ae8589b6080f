#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/db/database.h"

namespace SQLite {
class Statement;
}  // namespace SQLite

namespace hub::db {

// One SQL statement with its values, bound in the order of its ?1, ?2, … Belongs to one thread.
// SQLite::Exception passes through; Pool turns it into our Error where a person may read it.
class Statement {
 public:
  template <typename... Values>
  Statement(Connection& connection, const std::string& sql, const Values&... values)
      : Statement(connection, sql, Prepared{}) {
    (bind(values), ...);
  }
  ~Statement();
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  // Moves to the next row; false after the last.
  bool step();
  // Runs to the end; how many rows the statement changed.
  std::int64_t run();

  // Columns of the current row, from 0. NULL reads as "", 0, 0.0 where not optional.
  [[nodiscard]] std::string text(int column) const;
  [[nodiscard]] std::int64_t integer(int column) const;
  [[nodiscard]] double real(int column) const;
  [[nodiscard]] bool is_null(int column) const;
  [[nodiscard]] std::optional<std::string> optional_text(int column) const;
  [[nodiscard]] std::optional<std::int64_t> optional_integer(int column) const;
  [[nodiscard]] std::optional<double> optional_real(int column) const;

  // Binds one more value.
  void bind(std::int64_t value);
  void bind(std::uint64_t value);
  void bind(int value) { bind(static_cast<std::int64_t>(value)); }
  void bind(bool value) { bind(static_cast<std::int64_t>(value)); }
  void bind(double value);
  void bind(std::string_view value);
  void bind(const std::string& value) { bind(std::string_view(value)); }
  void bind(const char* value) { bind(std::string_view(value)); }
  void bind(std::nullopt_t null);
  template <typename T>
  void bind(const std::optional<T>& value) {
    if (value) {
      bind(*value);
    } else {
      bind(std::nullopt);
    }
  }

 private:
  struct Prepared {};
  Statement(Connection& connection, const std::string& sql, Prepared tag);

  std::unique_ptr<SQLite::Statement> statement_;
  Connection& connection_;
  int bound_ = 0;
};

}  // namespace hub::db

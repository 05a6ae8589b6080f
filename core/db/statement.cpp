#include "core/db/statement.h"

#include <SQLiteCpp/Column.h>
#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>

namespace hub::db {

Statement::Statement(Connection& connection, const std::string& sql, Prepared)
    : statement_(std::make_unique<SQLite::Statement>(connection, sql)), connection_(connection) {}

Statement::~Statement() = default;

void Statement::bind(std::int64_t value) {
  statement_->bind(++bound_, value);
}

void Statement::bind(std::uint64_t value) {
  statement_->bind(++bound_, static_cast<std::int64_t>(value));
}

void Statement::bind(double value) {
  statement_->bind(++bound_, value);
}

void Statement::bind(std::string_view value) {
  statement_->bind(++bound_, std::string(value));
}

void Statement::bind(std::nullopt_t) {
  statement_->bind(++bound_);
}

bool Statement::step() {
  return statement_->executeStep();
}

std::int64_t Statement::run() {
  while (statement_->executeStep()) {
  }
  return connection_.getChanges();
}

std::string Statement::text(int column) const {
  return statement_->getColumn(column).getString();
}

std::int64_t Statement::integer(int column) const {
  return statement_->getColumn(column).getInt64();
}

double Statement::real(int column) const {
  return statement_->getColumn(column).getDouble();
}

bool Statement::is_null(int column) const {
  return statement_->getColumn(column).isNull();
}

std::optional<std::string> Statement::optional_text(int column) const {
  return is_null(column) ? std::nullopt : std::optional(text(column));
}

std::optional<std::int64_t> Statement::optional_integer(int column) const {
  return is_null(column) ? std::nullopt : std::optional(integer(column));
}

std::optional<double> Statement::optional_real(int column) const {
  return is_null(column) ? std::nullopt : std::optional(real(column));
}

}  // namespace hub::db

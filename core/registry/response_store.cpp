#include "core/registry/response_store.h"

#include <optional>

#include <fmt/format.h>

#include "core/base/error.h"
#include "core/db/statement.h"

namespace hub::registry {
namespace {

using base::Error;
using base::ErrorCode;
using db::Connection;
using db::Statement;

[[noreturn]] void not_found(const std::string& id, const std::string& param) {
  throw Error(
      ErrorCode::kNotFound,
      fmt::format("no stored response has the id \"{}\"; they are kept for a time only", id),
      param,
      "response_not_found");
}

// What one of the store's sums says of `values`.
template <typename... Values>
std::int64_t sum_of(Connection& connection, const char* query, const Values&... values) {
  Statement sum(connection, query, values...);
  sum.step();
  return sum.integer(1);
}

// Deletes the row that `query` finds; its bytes, 0 where there is none.
template <typename... Values>
std::int64_t remove_found(Connection& connection, const char* query, const Values&... values) {
  Statement found(connection, query, values...);
  if (!found.step()) {
    return 0;
  }
  Statement(connection, "DELETE FROM responses WHERE rowid = ?1", found.integer(0)).run();
  return found.integer(1);
}

// Room for `bytes` more of `owner` within `most`: who would then hold more than half of it gives up
// its own oldest, so that nobody drives all others out; else the oldest of all go.
void make_room(
    Connection& connection, const std::string& owner, std::int64_t bytes, std::int64_t most) {
  std::int64_t held = sum_of(connection, ResponseStore::kSum);
  std::int64_t own =
      held + bytes > most ? sum_of(connection, ResponseStore::kSumOfOwner, owner) : 0;
  while (held + bytes > most) {
    if (own > 0 && own + bytes > most / 2) {
      const std::int64_t freed = remove_found(connection, ResponseStore::kOldestOfOwner, owner);
      own -= freed;
      held -= freed;
    } else {
      held -= remove_found(connection, ResponseStore::kOldest);
    }
  }
}

}  // namespace

ResponseStore::ResponseStore(db::Pool& pool, const base::Clock& clock, Limits limits)
    : pool_(pool), clock_(clock), limits_(limits) {}

bool ResponseStore::add(const StoredResponse& response) {
  const std::uint64_t bytes = response.response_json.size() + response.items_json.size();
  if (bytes > limits_.most_bytes || limits_.keep_seconds <= 0) {
    return false;
  }
  pool_.write([&](Connection& connection) {
    const std::int64_t now_ms = clock_.now_ms();
    Statement(connection, "DELETE FROM responses WHERE expires_at <= ?1", now_ms).run();
    make_room(
        connection,
        response.owner,
        static_cast<std::int64_t>(bytes),
        static_cast<std::int64_t>(limits_.most_bytes));
    Statement(
        connection,
        "INSERT INTO responses (id, owner, created_at, expires_at, response_json, items_json, "
        "bytes) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        response.id,
        response.owner,
        now_ms,
        now_ms + static_cast<std::int64_t>(limits_.keep_seconds * 1000.0),
        response.response_json,
        response.items_json,
        bytes)
        .run();
  });
  return true;
}

StoredResponse ResponseStore::get(
    const std::string& id, const std::string& owner, const std::string& param) const {
  std::optional<StoredResponse> found;
  pool_.read([&](Connection& connection) {
    Statement row(
        connection,
        "SELECT response_json, items_json FROM responses "
        "WHERE id = ?1 AND owner = ?2 AND expires_at > ?3",
        id,
        owner,
        clock_.now_ms());
    if (row.step()) {
      found = {.id = id, .owner = owner, .response_json = row.text(0), .items_json = row.text(1)};
    }
  });
  if (!found) {
    not_found(id, param);
  }
  return *std::move(found);
}

void ResponseStore::remove(const std::string& id, const std::string& owner) {
  std::int64_t removed = 0;
  pool_.write([&](Connection& connection) {
    removed = Statement(
                  connection,
                  "DELETE FROM responses WHERE id = ?1 AND owner = ?2 AND expires_at > ?3",
                  id,
                  owner,
                  clock_.now_ms())
                  .run();
  });
  if (removed == 0) {
    not_found(id, {});
  }
}

ResponseStore::Figures ResponseStore::figures() const {
  Figures figures;
  pool_.read([&](Connection& connection) {
    Statement row(connection, kSum);
    row.step();
    figures = {
        .count = static_cast<std::uint64_t>(row.integer(0)),
        .bytes = static_cast<std::uint64_t>(row.integer(1))};
  });
  return figures;
}

}  // namespace hub::registry

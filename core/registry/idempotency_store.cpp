#include "core/registry/idempotency_store.h"

#include "core/base/error.h"
#include "core/db/statement.h"

namespace hub::registry {
namespace {

using base::Error;
using base::ErrorCode;
using db::Connection;
using db::Statement;

}  // namespace

IdempotencyStore::IdempotencyStore(db::Pool& pool, const base::Clock& clock)
    : pool_(pool), clock_(clock) {
  pool_.write([](Connection& connection) {
    Statement(connection, "DELETE FROM idempotency_keys WHERE status = 0").run();
  });
}

std::optional<StoredAnswer> IdempotencyStore::begin(
    std::string_view key, std::string_view route, std::string_view body_sha256) {
  std::optional<StoredAnswer> answer;
  pool_.write([&](Connection& connection) {
    const std::int64_t now_ms = clock_.now_ms();
    Statement(connection, "DELETE FROM idempotency_keys WHERE created_at < ?1", now_ms - kKeepMs)
        .run();
    Statement row(
        connection,
        "SELECT body_sha256, status, response FROM idempotency_keys "
        "WHERE key = ?1 AND route = ?2",
        key,
        route);
    if (!row.step()) {
      Statement(
          connection,
          "INSERT INTO idempotency_keys (key, route, body_sha256, created_at) "
          "VALUES (?1, ?2, ?3, ?4)",
          key,
          route,
          body_sha256,
          now_ms)
          .run();
      return;
    }
    if (row.text(0) != body_sha256) {
      throw Error(
          ErrorCode::kConflict,
          "this Idempotency-Key was used with another request body in the last 24 hours",
          "Idempotency-Key",
          "idempotency_key_reused");
    }
    if (row.integer(1) == 0) {
      throw Error(
          ErrorCode::kConflict,
          "a request with this Idempotency-Key is still at work",
          "Idempotency-Key",
          "idempotency_in_progress");
    }
    answer = StoredAnswer{static_cast<int>(row.integer(1)), row.text(2)};
  });
  return answer;
}

void IdempotencyStore::finish_with(
    std::string_view key, std::string_view route, const std::function<StoredAnswer()>& make) {
  pool_.write([&](Connection&) { finish(key, route, make()); });
}

void IdempotencyStore::finish(
    std::string_view key, std::string_view route, const StoredAnswer& answer) {
  pool_.write([&](Connection& connection) {
    Statement(
        connection,
        "UPDATE idempotency_keys SET status = ?3, response = ?4 WHERE key = ?1 AND route = ?2",
        key,
        route,
        answer.status,
        answer.body)
        .run();
  });
}

void IdempotencyStore::abandon(std::string_view key, std::string_view route) {
  pool_.write([&](Connection& connection) {
    Statement(
        connection,
        "DELETE FROM idempotency_keys WHERE key = ?1 AND route = ?2 AND status = 0",
        key,
        route)
        .run();
  });
}

}  // namespace hub::registry

#include "core/registry/audit_log.h"

#include <utility>

#include <SQLiteCpp/Database.h>

#include "core/db/statement.h"

namespace hub::registry {
namespace {

using db::Connection;
using db::Statement;

constexpr std::size_t kMostWaiting = 1000;
constexpr std::size_t kLongestText = 300;  // paths are the client's

}  // namespace

std::int64_t AuditLog::begin(AuditEntry entry) {
  entry.status = kBegun;
  entry.code.clear();
  return write_with_waiting(std::move(entry));
}

void AuditLog::finish(
    std::int64_t id, const std::string& subject, int status, const std::string& code) {
  pool_.write([&](Connection& connection) {
    Statement(
        connection,
        "UPDATE audit_log SET subject = ?2, status = ?3, code = ?4 WHERE id = ?1 AND status = ?5",
        id,
        subject.substr(0, kLongestText),
        status,
        code,
        kBegun)
        .run();
  });
}

void AuditLog::add(AuditEntry entry) {
  write_with_waiting(std::move(entry));
}

std::int64_t AuditLog::write_with_waiting(AuditEntry entry) {
  std::vector<AuditEntry> entries;
  {
    const std::lock_guard lock(mutex_);
    entries.swap(waiting_);
  }
  entry.time_ms = entry.time_ms == 0 ? clock_.now_ms() : entry.time_ms;
  entries.push_back(std::move(entry));
  return write(entries);
}

void AuditLog::add_later(AuditEntry entry) {
  entry.time_ms = entry.time_ms == 0 ? clock_.now_ms() : entry.time_ms;
  const std::lock_guard lock(mutex_);
  if (waiting_.size() < kMostWaiting) {
    waiting_.push_back(std::move(entry));
  }
}

std::int64_t AuditLog::write(const std::vector<AuditEntry>& entries) {
  std::int64_t last = 0;
  pool_.write([&](Connection& connection) {
    for (const AuditEntry& entry : entries) {
      Statement(
          connection,
          "INSERT INTO audit_log (time, key_id, actor, method, route, path, subject, status, code, "
          "request_id) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
          entry.time_ms,
          entry.key_id,
          entry.actor,
          entry.method,
          entry.route,
          entry.path.substr(0, kLongestText),
          entry.subject.substr(0, kLongestText),
          entry.status,
          entry.code,
          entry.request_id)
          .run();
    }
    last = connection.getLastInsertRowid();
  });
  return last;
}

void AuditLog::flush() {
  std::vector<AuditEntry> waiting;
  {
    const std::lock_guard lock(mutex_);
    waiting.swap(waiting_);
  }
  if (!waiting.empty()) {
    write(waiting);
  }
}

std::vector<AuditEntry> AuditLog::list(const Query& query) {
  flush();
  std::vector<AuditEntry> entries;
  pool_.read([&](Connection& connection) {
    Statement rows(
        connection,
        "SELECT id, time, key_id, actor, method, route, path, subject, status, code, request_id "
        "FROM audit_log WHERE (?1 IS NULL OR id < ?1) AND (?2 IS NULL OR key_id = ?2) "
        "ORDER BY id DESC LIMIT ?3",
        query.before,
        query.key_id,
        query.limit);
    while (rows.step()) {
      entries.push_back(
          {.id = rows.integer(0),
           .time_ms = rows.integer(1),
           .key_id = rows.optional_text(2),
           .actor = rows.text(3),
           .method = rows.text(4),
           .route = rows.text(5),
           .path = rows.text(6),
           .subject = rows.text(7),
           .status = static_cast<int>(rows.integer(8)),
           .code = rows.text(9),
           .request_id = rows.text(10)});
    }
  });
  return entries;
}

std::int64_t AuditLog::prune(std::int64_t older_than_ms) {
  std::int64_t removed = 0;
  pool_.write([&](Connection& connection) {
    removed = Statement(connection, "DELETE FROM audit_log WHERE time < ?1", older_than_ms).run();
  });
  return removed;
}

}  // namespace hub::registry

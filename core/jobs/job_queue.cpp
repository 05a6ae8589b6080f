#include "core/jobs/job_queue.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/ids.h"
#include "core/db/change_feed.h"
#include "core/db/statement.h"
#include "core/jobs/job_rows.h"
#include "core/jobs/job_waits.h"

namespace hub::jobs {
namespace {

using base::Error;
using base::ErrorCode;
using base::Json;
using db::Connection;
using db::Statement;

std::optional<Job> find_job(Connection& connection, const std::string& id) {
  Statement row(connection, "SELECT " + kJobColumns + " FROM jobs WHERE id = ?1", id);
  return row.step() ? std::optional(job_from(row)) : std::nullopt;
}

Job read_job(Connection& connection, const std::string& id) {
  std::optional<Job> job = find_job(connection, id);
  if (!job) {
    throw Error(
        ErrorCode::kNotFound, fmt::format("there is no job '{}'", id), "id", "job_not_found");
  }
  return *std::move(job);
}

void record(Connection& connection, std::int64_t now_ms, std::string_view type, const Job& job) {
  db::record_event(connection, now_ms, type, "job", job.id, state_data(job));
}

// Runs an "UPDATE … RETURNING <job columns>" and writes its event; nullopt when no row matched.
std::optional<Job> change(
    Connection& connection, Statement& update, std::int64_t now_ms, std::string_view event) {
  if (!update.step()) {
    return std::nullopt;
  }
  Job job = job_from(update);
  update.run();
  record(connection, now_ms, event, job);
  return job;
}

[[noreturn]] void refuse_state(const Job& job, std::string_view wanted) {
  throw Error(
      ErrorCode::kConflict,
      fmt::format("{}, but job {} is {}", wanted, job.id, to_string(job.state)),
      "id",
      "job_state");
}

void refuse_when_full(Connection& connection, std::int64_t most) {
  Statement count(connection, "SELECT COUNT(*) FROM jobs WHERE state = 'QUEUED'");
  count.step();
  if (count.integer(0) >= most) {
    throw Error(
        ErrorCode::kRateLimited,
        fmt::format(
            "the queue is full: {} jobs wait, and at most {} may (queue_limit); send it again when "
            "some have ended",
            count.integer(0),
            most),
        {},
        "queue_full");
  }
}

// The job whose turn it is: ?3 now, ?4 lane, ?5 the key of the pause, ?6 how many may run.
const std::string kNextSequence =
    "(SELECT sequence FROM jobs WHERE state = 'QUEUED' AND lane = ?4 AND reason <> '" +
    std::string(kWaitWeights) +
    "'"
    "  AND (not_before IS NULL OR not_before <= ?3) "
    "  AND (SELECT COUNT(*) FROM jobs WHERE state = 'RUNNING' AND lane = ?4) < ?6 "
    "  AND NOT EXISTS (SELECT 1 FROM settings WHERE key = ?5 AND value_json = 'true') "
    "  ORDER BY priority DESC, sequence LIMIT 1)";

}  // namespace

JobQueue::JobQueue(db::Pool& pool, const base::Clock& clock, Options options)
    : pool_(pool), clock_(clock), options_(options) {}

Job JobQueue::enqueue(const NewJob& job) {
  std::optional<Job> made;
  pool_.write([&](Connection& connection) {
    refuse_when_full(connection, options_.most_queued);
    Statement insert(
        connection,
        "INSERT INTO jobs (id, kind, lane, state, reason, spec_json, model, model_id, version_id, "
        "dataset_id, priority, timeout_seconds, estimated_bytes, created_at, reproduces) VALUES "
        "(?1, "
        "?2, ?3, 'QUEUED', ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14) RETURNING " +
            kJobColumns,
        job.id.value_or(base::new_id()),
        job.kind,
        job.lane,
        job.waits_for_weights ? kWaitWeights : kWaitPosition,
        job.spec_json,
        job.model,
        job.model_id,
        job.version_id,
        job.dataset_id,
        job.priority,
        job.timeout_seconds,
        job.estimated_bytes,
        clock_.now_ms(),
        job.reproduces);
    made = change(connection, insert, clock_.now_ms(), "job.queued");
  });
  return made.value();
}

Job JobQueue::cancel(const std::string& id) {
  std::optional<Job> job;
  pool_.write([&](Connection& connection) {
    const Job before = read_job(connection, id);
    if (is_ended(before.state)) {
      refuse_state(before, "only a job that has not ended can be cancelled");
    }
    if (before.cancel_requested) {
      job = before;
      return;
    }
    // Right-hand sides see the row as it was.
    Statement update(
        connection,
        "UPDATE jobs SET cancel_requested = 1, "
        "ended_at = CASE state WHEN 'QUEUED' THEN ?2 END, "
        "reason = CASE state WHEN 'QUEUED' THEN 'cancelled by request' ELSE reason END, "
        "state = CASE state WHEN 'QUEUED' THEN 'CANCELLED' ELSE state END "
        "WHERE id = ?1 AND state IN ('QUEUED', 'RUNNING') RETURNING " +
            kJobColumns,
        id,
        clock_.now_ms());
    job = change(
        connection,
        update,
        clock_.now_ms(),
        before.state == JobState::kQueued ? "job.cancelled" : "job.cancel_requested");
    settle_waiting(connection, clock_.now_ms(), job.value());
  });
  return job.value();
}

void JobQueue::remove(const std::string& id) {
  pool_.write([&](Connection& connection) {
    const Job job = read_job(connection, id);
    if (!is_ended(job.state)) {
      refuse_state(job, "only a job that has ended can be removed");
    }
    Statement(connection, "DELETE FROM jobs WHERE id = ?1", id).run();
    record(connection, clock_.now_ms(), "job.deleted", job);
  });
}

Job JobQueue::set_priority(const std::string& id, int priority) {
  std::optional<Job> job;
  pool_.write([&](Connection& connection) {
    Statement update(
        connection,
        "UPDATE jobs SET priority = ?2 WHERE id = ?1 AND state = 'QUEUED' RETURNING " + kJobColumns,
        id,
        priority);
    job = change(connection, update, clock_.now_ms(), "job.priority");
    if (!job) {
      refuse_state(read_job(connection, id), "only a QUEUED job has a place in the order");
    }
  });
  return job.value();
}

std::optional<Job> JobQueue::next(std::int64_t now_ms, std::string_view lane, int most_running) {
  std::optional<Job> job;
  pool_.read([&](Connection& connection) {
    Statement row(
        connection,
        "SELECT " + kJobColumns + " FROM jobs WHERE sequence = " + kNextSequence,
        "",
        0,
        now_ms,
        lane,
        kPausedKey,
        most_running);
    if (row.step()) {
      job = job_from(row);
    }
  });
  return job;
}

std::optional<Job> JobQueue::claim(
    std::string_view worker,
    std::int64_t now_ms,
    std::string_view lane,
    int most_running,
    const std::optional<std::string>& only_id) {
  std::optional<Job> job;
  pool_.write([&](Connection& connection) {
    Statement update(
        connection,
        "UPDATE jobs SET state = 'RUNNING', attempt = attempt + 1, reason = '', worker = ?1, "
        "worker_pid = NULL, worker_started = '', lease_until = ?2, not_before = NULL, "
        "started_at = COALESCE(started_at, ?3) "
        "WHERE sequence = " +
            kNextSequence + " AND (?7 IS NULL OR id = ?7) RETURNING " + kJobColumns,
        worker,
        now_ms + options_.lease_ms,
        now_ms,
        lane,
        kPausedKey,
        most_running,
        only_id);
    job = change(connection, update, now_ms, "job.started");
  });
  return job;
}

Job JobQueue::resume(const std::string& id) {
  std::optional<Job> job;
  pool_.write([&](Connection& connection) {
    refuse_when_full(connection, options_.most_queued);
    Statement update(
        connection,
        "UPDATE jobs SET state = 'QUEUED', reason = ?2, cancel_requested = 0, attempt = 0, "
        "not_before = NULL, ended_at = NULL "
        "WHERE id = ?1 AND state IN ('FAILED', 'CANCELLED') RETURNING " +
            kJobColumns,
        id,
        kWaitPosition);
    job = change(connection, update, clock_.now_ms(), "job.resumed");
    if (!job) {
      refuse_state(read_job(connection, id), "only a FAILED or CANCELLED job can be resumed");
    }
  });
  return job.value();
}

bool JobQueue::complete(
    const std::string& id, const Json& result, const std::optional<JobResult>& made) {
  return end_running("job.completed", [&](Connection& connection, std::int64_t now_ms) {
    auto update = std::make_unique<Statement>(
        connection,
        "UPDATE jobs SET state = 'COMPLETED', reason = '', lease_until = NULL, "
        "eta_seconds = NULL, ended_at = ?2, result_json = ?3, result_model = ?4, "
        "result_number = ?5, result_version_id = ?6 "
        "WHERE id = ?1 AND state = 'RUNNING' RETURNING " +
            kJobColumns,
        id,
        now_ms,
        result.dump(-1, ' ', false, Json::error_handler_t::replace));
    if (made) {
      update->bind(made->model);
      update->bind(made->version);
      update->bind(made->version_id);
    }
    return update;
  });
}

bool JobQueue::fail(const std::string& id, const std::string& reason) {
  return end_running("job.failed", [&](Connection& connection, std::int64_t now_ms) {
    return std::make_unique<Statement>(
        connection,
        "UPDATE jobs SET state = 'FAILED', reason = ?3, last_error = ?3, lease_until = NULL, "
        "eta_seconds = NULL, "
        "ended_at = ?2 WHERE id = ?1 AND state = 'RUNNING' RETURNING " +
            kJobColumns,
        id,
        now_ms,
        reason);
  });
}

bool JobQueue::cancelled(const std::string& id, const std::string& reason) {
  return end_running("job.cancelled", [&](Connection& connection, std::int64_t now_ms) {
    return std::make_unique<Statement>(
        connection,
        "UPDATE jobs SET state = 'CANCELLED', reason = ?3, lease_until = NULL, "
        "eta_seconds = NULL, ended_at = ?2 WHERE id = ?1 AND state = 'RUNNING' RETURNING " +
            kJobColumns,
        id,
        now_ms,
        reason);
  });
}

bool JobQueue::end_running(std::string_view event, const StatementMaker& make_update) {
  bool done = false;
  pool_.write([&](Connection& connection) {
    const std::int64_t now_ms = clock_.now_ms();
    const auto job = change(connection, *make_update(connection, now_ms), now_ms, event);
    done = job.has_value();
    if (job) {
      settle_waiting(connection, now_ms, *job);
    }
  });
  return done;
}

bool JobQueue::waiting(const std::string& id, std::string_view reason) {
  bool done = false;
  pool_.write([&](Connection& connection) {
    Statement update(
        connection,
        "UPDATE jobs SET reason = ?2 WHERE id = ?1 AND state = 'QUEUED' AND reason <> ?2 "
        "RETURNING " +
            kJobColumns,
        id,
        reason);
    done = change(connection, update, clock_.now_ms(), "job.waiting").has_value() ||
           read_job(connection, id).state == JobState::kQueued;
  });
  return done;
}

bool JobQueue::release(
    const std::string& id, std::string_view reason, std::optional<std::int64_t> not_before_ms) {
  return give_back(
      id,
      "job.waiting",
      {.reason = reason, .not_before_ms = not_before_ms, .counts = false, .error = {}});
}

bool JobQueue::retry(const std::string& id, const std::string& error, std::int64_t not_before_ms) {
  return give_back(
      id,
      "job.retry",
      {.reason = kWaitRetry, .not_before_ms = not_before_ms, .counts = true, .error = error});
}

bool JobQueue::give_back(const std::string& id, std::string_view event, const GiveBack& how) {
  bool done = false;
  pool_.write([&](Connection& connection) {
    // Whoever asked to cancel it meanwhile must not wait for its next turn.
    Statement update(
        connection,
        "UPDATE jobs SET lease_until = NULL, worker_pid = NULL, worker_started = '', "
        "attempt = attempt - ?5, last_error = CASE ?6 WHEN '' THEN last_error ELSE ?6 END, "
        "not_before = CASE cancel_requested WHEN 0 THEN ?3 END, "
        "reason = CASE cancel_requested WHEN 0 THEN ?2 ELSE 'cancelled by request' END, "
        "ended_at = CASE cancel_requested WHEN 0 THEN NULL ELSE ?4 END, "
        "state = CASE cancel_requested WHEN 0 THEN 'QUEUED' ELSE 'CANCELLED' END "
        "WHERE id = ?1 AND state = 'RUNNING' RETURNING " +
            kJobColumns,
        id,
        how.reason,
        how.not_before_ms,
        clock_.now_ms(),
        how.counts ? 0 : 1,
        how.error);
    if (!update.step()) {
      return;
    }
    const Job job = job_from(update);
    update.run();
    record(
        connection, clock_.now_ms(), job.state == JobState::kQueued ? event : "job.cancelled", job);
    settle_waiting(connection, clock_.now_ms(), job);
    done = true;
  });
  return done;
}

std::optional<Job> JobQueue::find(const std::string& id) {
  std::optional<Job> job;
  pool_.read([&](Connection& connection) { job = find_job(connection, id); });
  return job;
}

Job JobQueue::get(const std::string& id) {
  std::optional<Job> job;
  pool_.read([&](Connection& connection) { job = read_job(connection, id); });
  return job.value();
}

}  // namespace hub::jobs

// JobQueue's reports of a running job, and its lists: everything that changes no state.
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/db/change_feed.h"
#include "core/db/statement.h"
#include "core/jobs/job_queue.h"
#include "core/jobs/job_rows.h"

namespace hub::jobs {
namespace {

using base::Json;
using db::Connection;
using db::Statement;

std::string dumped(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

bool JobQueue::record_worker(const std::string& id, std::int64_t pid, const std::string& started) {
  bool done = false;
  pool_.write([&](Connection& connection) {
    done = Statement(
               connection,
               "UPDATE jobs SET worker_pid = ?2, worker_started = ?3 "
               "WHERE id = ?1 AND state = 'RUNNING'",
               id,
               pid,
               started)
               .run() > 0;
  });
  return done;
}

Heartbeat JobQueue::heartbeat(const std::string& id) {
  const std::int64_t now_ms = clock_.now_ms();
  Heartbeat answer = Heartbeat::kLost;
  bool extend = false;
  pool_.read([&](Connection& connection) {
    Statement row(
        connection,
        "SELECT cancel_requested, lease_until FROM jobs WHERE id = ?1 AND state = 'RUNNING'",
        id);
    if (row.step()) {
      answer = row.integer(0) != 0 ? Heartbeat::kCancelRequested : Heartbeat::kContinue;
      extend = row.integer(1) - now_ms < options_.lease_ms * 2 / 3;
    }
  });
  // Written to disk only when a third of the lease is over: heartbeats come several times a second.
  if (extend) {
    answer = Heartbeat::kLost;
    pool_.write([&](Connection& connection) {
      Statement update(
          connection,
          "UPDATE jobs SET lease_until = ?2 WHERE id = ?1 AND state = 'RUNNING' "
          "RETURNING cancel_requested",
          id,
          now_ms + options_.lease_ms);
      if (update.step()) {
        answer = update.integer(0) != 0 ? Heartbeat::kCancelRequested : Heartbeat::kContinue;
        update.run();
      }
    });
  }
  return answer;
}

bool JobQueue::record_progress(
    const std::string& id,
    std::int64_t step,
    std::int64_t total,
    std::optional<double> eta_seconds,
    const Json* details) {
  bool done = false;
  pool_.write([&](Connection& connection) {
    done = Statement(
               connection,
               "UPDATE jobs SET step = ?2, total = ?3, eta_seconds = ?4 "
               "WHERE id = ?1 AND state = 'RUNNING'",
               id,
               step,
               total,
               eta_seconds)
               .run() > 0;
    if (done) {
      Json data = {{"step", step}, {"total", total}, {"eta_seconds", nullptr}};
      if (eta_seconds) {
        data["eta_seconds"] = *eta_seconds;
      }
      if (details != nullptr) {
        data.update(*details);
      }
      db::record_event(connection, clock_.now_ms(), "job.progress", "job", id, data);
    }
  });
  return done;
}

bool JobQueue::record_metric(const std::string& id, const Json& metric) {
  bool done = false;
  pool_.write([&](Connection& connection) {
    const std::int64_t now_ms = clock_.now_ms();
    const std::string data = dumped(metric);
    done = Statement(
               connection,
               "UPDATE jobs SET metrics_json = json_patch(metrics_json, ?2) "
               "WHERE id = ?1 AND state = 'RUNNING'",
               id,
               data)
               .run() > 0;
    if (done) {
      Statement(
          connection,
          "INSERT INTO job_metrics (job_id, ordinal, time, data_json) SELECT ?1, "
          "COALESCE(MAX(ordinal), 0) + 1, ?2, ?3 FROM job_metrics WHERE job_id = ?1",
          id,
          now_ms,
          data)
          .run();
      db::record_event(connection, now_ms, "job.metric", "job", id, metric);
    }
  });
  return done;
}

bool JobQueue::record_sample(const std::string& id, const Json& sample) {
  return record_event(id, "job.sample", sample);
}

bool JobQueue::record_checkpoint(const std::string& id, const Json& checkpoint) {
  return record_event(id, "job.checkpoint", checkpoint);
}

bool JobQueue::record_event(const std::string& id, std::string_view type, const Json& data) {
  bool done = false;
  pool_.write([&](Connection& connection) {
    done =
        Statement(connection, "SELECT 1 FROM jobs WHERE id = ?1 AND state = 'RUNNING'", id).step();
    if (done) {
      db::record_event(connection, clock_.now_ms(), type, "job", id, data);
    }
  });
  return done;
}

bool JobQueue::record_memory(const std::string& id, const Json& memory) {
  std::optional<std::int64_t> peak;
  if (memory.is_object() && memory.contains("peak_bytes") && memory["peak_bytes"].is_number()) {
    peak = memory["peak_bytes"].get<std::int64_t>();
  }
  bool done = false;
  pool_.write([&](Connection& connection) {
    done = Statement(
               connection,
               "UPDATE jobs SET peak_bytes = MAX(COALESCE(peak_bytes, 0), COALESCE(?2, 0)) "
               "WHERE id = ?1 AND state = 'RUNNING'",
               id,
               peak)
               .run() > 0;
    if (done) {
      db::record_event(connection, clock_.now_ms(), "job.memory", "job", id, memory);
    }
  });
  return done;
}

std::vector<Job> JobQueue::expired(std::int64_t now_ms) {
  std::vector<Job> jobs;
  pool_.read([&](Connection& connection) {
    Statement rows(
        connection,
        "SELECT " + kJobColumns + " FROM jobs WHERE state = 'RUNNING' AND lease_until < ?1",
        now_ms);
    while (rows.step()) {
      jobs.push_back(job_from(rows));
    }
  });
  return jobs;
}

std::vector<Job> JobQueue::list(const JobFilter& filter) {
  std::vector<Job> jobs;
  std::optional<std::string> state;
  if (filter.state) {
    state = to_string(*filter.state);
  }
  pool_.read([&](Connection& connection) {
    Statement rows(
        connection,
        "SELECT " + kJobColumns +
            " FROM jobs WHERE (?1 IS NULL OR state = ?1) AND (?2 IS NULL OR kind = ?2) "
            "AND (?3 IS NULL OR sequence < ?3) ORDER BY sequence DESC LIMIT ?4",
        state,
        filter.kind,
        filter.before_sequence,
        filter.limit);
    while (rows.step()) {
      jobs.push_back(job_from(rows));
    }
  });
  return jobs;
}

std::optional<Job> JobQueue::find_live(std::string_view kind, const std::string& version_id) {
  std::optional<Job> job;
  pool_.read([&](Connection& connection) {
    Statement row(
        connection,
        "SELECT " + kJobColumns +
            " FROM jobs WHERE state IN ('QUEUED', 'RUNNING') AND kind = ?1 AND version_id = ?2 "
            "ORDER BY sequence LIMIT 1",
        kind,
        version_id);
    if (row.step()) {
      job = job_from(row);
    }
  });
  return job;
}

std::optional<std::int64_t> JobQueue::position(const std::string& id) {
  std::optional<std::int64_t> position;
  pool_.read([&](Connection& connection) {
    Statement row(
        connection,
        "SELECT 1 + (SELECT COUNT(*) FROM jobs AS other WHERE other.state = 'QUEUED' "
        "  AND other.lane = mine.lane AND (other.priority > mine.priority "
        "  OR (other.priority = mine.priority AND other.sequence < mine.sequence))) "
        "FROM jobs AS mine WHERE id = ?1 AND state = 'QUEUED'",
        id);
    if (row.step()) {
      position = row.integer(0);
    }
  });
  return position;
}

std::vector<std::string> JobQueue::metrics(const std::string& id, std::int64_t after, int limit) {
  static_cast<void>(get(id));
  std::vector<std::string> texts;
  for (const Report& report : reports(id, after, limit)) {
    Json data = Json::parse(report.data_json);
    data["time"] = base::rfc3339(report.time_ms);
    data["ordinal"] = report.ordinal;
    texts.push_back(dumped(data));
  }
  return texts;
}

std::vector<JobQueue::Report> JobQueue::reports(
    const std::string& id, std::int64_t after, int limit) {
  std::vector<Report> reports;
  pool_.read([&](Connection& connection) {
    Statement rows(
        connection,
        "SELECT ordinal, time, data_json FROM job_metrics WHERE job_id = ?1 AND ordinal > ?2 "
        "ORDER BY ordinal LIMIT ?3",
        id,
        after,
        limit);
    while (rows.step()) {
      reports.push_back({rows.integer(0), rows.integer(1), rows.text(2)});
    }
  });
  return reports;
}

std::vector<std::int64_t> JobQueue::counts() {
  std::vector<std::int64_t> counts(5, 0);
  pool_.read([&](Connection& connection) {
    Statement rows(connection, "SELECT state, COUNT(*) FROM jobs GROUP BY state");
    while (rows.step()) {
      if (const auto state = job_state_from(rows.text(0))) {
        counts.at(static_cast<std::size_t>(*state)) = rows.integer(1);
      }
    }
  });
  return counts;
}

}  // namespace hub::jobs

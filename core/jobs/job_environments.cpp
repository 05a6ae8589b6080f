// What JobQueue knows of the environments in which jobs ran.
#include <nlohmann/json.hpp>

#include "core/db/statement.h"
#include "core/jobs/job_queue.h"

namespace hub::jobs {
namespace {

using db::Connection;
using db::Statement;

}  // namespace

bool JobQueue::record_environment(const std::string& id, const base::Json& environment) {
  const std::string text = environment.dump(-1, ' ', false, base::Json::error_handler_t::replace);
  bool done = false;
  pool_.write([&](Connection& connection) {
    Statement job(
        connection,
        "SELECT attempt, (SELECT MAX(ordinal) FROM job_environments WHERE job_id = ?1) "
        "FROM jobs WHERE id = ?1 AND state = 'RUNNING'",
        id);
    done = job.step();
    if (!done) {
      return;
    }
    const std::int64_t last = job.integer(1);
    Statement same(
        connection,
        "SELECT 1 FROM job_environments WHERE job_id = ?1 AND ordinal = ?2 "
        "AND environment_json = ?3",
        id,
        last,
        text);
    if (!same.step()) {
      Statement(
          connection,
          "INSERT INTO job_environments (job_id, ordinal, attempt, time, environment_json) "
          "VALUES (?1, ?2, ?3, ?4, ?5)",
          id,
          last + 1,
          job.integer(0),
          clock_.now_ms(),
          text)
          .run();
    }
  });
  return done;
}

std::vector<JobQueue::Environment> JobQueue::environments(const std::string& id) {
  std::vector<Environment> environments;
  pool_.read([&](Connection& connection) {
    Statement rows(
        connection,
        "SELECT attempt, time, environment_json FROM job_environments WHERE job_id = ?1 "
        "ORDER BY ordinal",
        id);
    while (rows.step()) {
      environments.push_back({static_cast<int>(rows.integer(0)), rows.integer(1), rows.text(2)});
    }
  });
  return environments;
}

}  // namespace hub::jobs

#include "core/jobs/job_waits.h"

#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/db/change_feed.h"
#include "core/jobs/job_rows.h"

namespace hub::jobs {
namespace {

using db::Connection;
using db::Statement;

std::vector<Job> changed_jobs(Statement& update) {
  std::vector<Job> jobs;
  while (update.step()) {
    jobs.push_back(job_from(update));
  }
  return jobs;
}

}  // namespace

void settle_waiting(Connection& connection, std::int64_t now_ms, const Job& job) {
  if (job.kind != kPullKind || !is_ended(job.state) || !job.version_id) {
    return;
  }
  const bool arrived = job.state == JobState::kCompleted;
  std::vector<Job> changed;
  if (arrived) {
    Statement update(
        connection,
        "UPDATE jobs SET reason = ?3 WHERE state = 'QUEUED' AND version_id = ?1 AND reason = ?2 "
        "RETURNING " +
            kJobColumns,
        *job.version_id,
        kWaitWeights,
        kWaitPosition);
    changed = changed_jobs(update);
  } else {
    Statement update(
        connection,
        "UPDATE jobs SET state = 'FAILED', reason = ?3, ended_at = ?4 "
        "WHERE state = 'QUEUED' AND version_id = ?1 AND reason = ?2 RETURNING " +
            kJobColumns,
        *job.version_id,
        kWaitWeights,
        fmt::format(
            "the weights of '{}' did not arrive: pull {} {}: {}",
            job.model,
            job.id,
            job.state == JobState::kCancelled ? "was cancelled" : "failed",
            job.reason),
        now_ms);
    changed = changed_jobs(update);
  }
  for (const Job& waiter : changed) {
    db::record_event(
        connection,
        now_ms,
        arrived ? "job.waiting" : "job.failed",
        "job",
        waiter.id,
        state_data(waiter));
  }
}

}  // namespace hub::jobs

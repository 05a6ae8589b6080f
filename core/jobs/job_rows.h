#pragma once

#include <string>

#include "core/base/json.h"
#include "core/db/statement.h"
#include "core/jobs/job.h"

namespace hub::jobs {

// The columns that job_from() reads, in its order.
inline const std::string kJobColumns =
    "sequence, id, kind, lane, state, reason, spec_json, model, model_id, version_id, dataset_id, "
    "priority, attempt, not_before, timeout_seconds, cancel_requested, worker, worker_pid, "
    "worker_started, lease_until, created_at, started_at, ended_at, step, total, eta_seconds, "
    "metrics_json, estimated_bytes, peak_bytes, result_model, result_number, result_version_id, "
    "result_json, last_error, reproduces";

// The statement's current row as a Job.
Job job_from(const db::Statement& row);

// What every event about a job's state says.
base::Json state_data(const Job& job);

}  // namespace hub::jobs

#include "core/jobs/job_rows.h"

#include <nlohmann/json.hpp>

#include "core/base/clock.h"

namespace hub::jobs {

Job job_from(const db::Statement& row) {
  Job job;
  int column = 0;
  job.sequence = row.integer(column++);
  job.id = row.text(column++);
  job.kind = row.text(column++);
  job.lane = row.text(column++);
  job.state = job_state_from(row.text(column++)).value_or(JobState::kFailed);
  job.reason = row.text(column++);
  job.spec_json = row.text(column++);
  job.model = row.text(column++);
  job.model_id = row.optional_text(column++);
  job.version_id = row.optional_text(column++);
  job.dataset_id = row.optional_text(column++);
  job.priority = static_cast<int>(row.integer(column++));
  job.attempt = static_cast<int>(row.integer(column++));
  job.not_before_ms = row.optional_integer(column++);
  job.timeout_seconds = row.optional_integer(column++);
  job.cancel_requested = row.integer(column++) != 0;
  job.worker = row.text(column++);
  job.worker_pid = row.optional_integer(column++);
  job.worker_started = row.text(column++);
  job.lease_until_ms = row.optional_integer(column++);
  job.created_at_ms = row.integer(column++);
  job.started_at_ms = row.optional_integer(column++);
  job.ended_at_ms = row.optional_integer(column++);
  const auto step = row.optional_integer(column++);
  const auto total = row.optional_integer(column++);
  const auto eta_seconds = row.optional_real(column++);
  if (step) {
    job.progress = Progress{*step, total.value_or(0), eta_seconds};
  }
  job.metrics_json = row.text(column++);
  job.estimated_bytes = row.optional_integer(column++);
  job.peak_bytes = row.optional_integer(column++);
  const auto result_model = row.optional_text(column++);
  const auto result_number = row.optional_integer(column++);
  const auto result_version_id = row.optional_text(column++);
  if (result_model) {
    job.result =
        JobResult{*result_model, result_number.value_or(0), result_version_id.value_or("")};
  }
  job.result_json = row.text(column++);
  job.last_error = row.text(column++);
  job.reproduces = row.optional_text(column++);
  return job;
}

base::Json state_data(const Job& job) {
  base::Json data = {
      {"state", to_string(job.state)},
      {"kind", job.kind},
      {"model", job.model},
      {"attempt", job.attempt}};
  if (!job.reason.empty()) {
    data["reason"] = job.reason;
  }
  if (!job.last_error.empty()) {
    data["last_error"] = job.last_error;
  }
  if (job.not_before_ms) {
    data["not_before"] = base::rfc3339(*job.not_before_ms);
  }
  if (job.result) {
    data["result"] = {
        {"model", job.result->model},
        {"version", job.result->version},
        {"version_id", job.result->version_id}};
  }
  return data;
}

}  // namespace hub::jobs

#pragma once

#include <optional>
#include <string>

#include "core/base/json.h"
#include "core/hub/hub.h"
#include "core/hub/pull_job.h"
#include "core/jobs/job_queue.h"
#include "core/registry/records.h"

namespace hub::api {

// A POST /jobs or POST /evaluations that was read, checked against the registry, and can work.
struct JobRequest {
  jobs::NewJob job;
  std::optional<registry::Evaluation> evaluation;  // of evaluate jobs; its job_id is the job's id
  // Its model's weights are not here yet: the job waits for them, and this brings them.
  std::optional<hub::PullRequest> pull;
};

// Reads either form of POST /jobs: the flat one {"base_model","dataset_path","lora_rank"?,
// "epochs"?} or the full one {"type","model","dataset","params"?,"output"?,"timeout_seconds"?,
// "priority"?}. Throws what the caller is to be told: unknown fields, an unknown or unready model,
// an empty data set, an output name that means something else, a job too large for the memory
// budget (kUnprocessable, reason "insufficient_memory", with a setting that fits).
JobRequest read_job_request(hub::Hub& hub, const base::Json& json);

// What POST /jobs answers with "dry_run": true, for a fine-tuning: what the job would do and take.
// `json` is the body without that field. Throws as read_job_request(), but not for memory.
base::Json dry_run(hub::Hub& hub, const base::Json& json);

// {"model","dataset","params"?,"timeout_seconds"?,"priority"?}
JobRequest read_evaluation_request(hub::Hub& hub, const base::Json& json);

// Writes the job, its evaluation, and the pull that it waits for, in one transaction.
jobs::Job enqueue(hub::Hub& hub, JobRequest& request);

}  // namespace hub::api

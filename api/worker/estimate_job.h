#pragma once

#include "api/worker/job_control.h"
#include "api/worker/job_spec.h"
#include "core/base/json.h"

namespace hub::api {

// The data of the event "result" (job_worker.h): what a fine-tuning job of the specification would
// take here, from the folder's headers and the rows' tokens, without loading weights. Throws
// base::Error; kInsufficientMemory where the specification's limit is too small. On the thread
// that owns MLX.
base::Json run_estimate(const JobSpec& spec, JobControl& control, const EmitEvent& emit);

}  // namespace hub::api

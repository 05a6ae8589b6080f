#pragma once

#include "api/worker/job_control.h"
#include "api/worker/job_spec.h"
#include "core/base/json.h"

namespace hub::api {

// Measures loss and perplexity, exact match or multiple choice as the specification says and
// returns the data of the event "result". A folder's data set is measured on its test.jsonl, else
// valid.jsonl, else train.jsonl. Throws base::Error. On the thread that owns MLX.
base::Json run_evaluate(const JobSpec& spec, JobControl& control, const EmitEvent& emit);

}  // namespace hub::api

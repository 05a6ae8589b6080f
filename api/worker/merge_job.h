#pragma once

#include "api/worker/job_control.h"
#include "api/worker/job_spec.h"
#include "core/base/json.h"

namespace hub::api {

// Fuses the specification's adapter into its base, as a model folder "model" in the output folder,
// and returns the data of the event "result". Throws base::Error. On the thread that owns MLX.
base::Json run_merge(const JobSpec& spec, JobControl& control, const EmitEvent& emit);

}  // namespace hub::api

#pragma once

#include "api/worker/job_control.h"
#include "api/worker/job_spec.h"
#include "core/base/json.h"

namespace hub::api {

// Packs the specification's base as its params say, as a model folder "model" in the output folder,
// and returns the data of the event "result". Throws base::Error. On the thread that owns MLX.
base::Json run_quantize(const JobSpec& spec, JobControl& control, const EmitEvent& emit);

}  // namespace hub::api

#pragma once

#include "api/worker/job_control.h"
#include "api/worker/job_spec.h"
#include "core/base/json.h"

namespace hub::api {

// Trains as the specification says and returns the data of the event "result". Files, all in the
// specification's output folder:
//   adapter/      adapters.safetensors, adapter_config.json: the result, there only when finished
//   checkpoints/  the same in mlx-lm's layout while it trains: the latest as adapters.safetensors,
//                 each as <step, 7 digits>_adapters.safetensors
// Throws base::Error. On the thread that owns MLX.
base::Json run_finetune(const JobSpec& spec, JobControl& control, const EmitEvent& emit);

}  // namespace hub::api

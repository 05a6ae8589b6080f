#pragma once

#include "core/base/build_info.h"
#include "core/base/json.h"

namespace hub::api {

// What this machine and this build of MLX are, and whether they compute:
// {"mlx_version","device","gpu","cpu_level","cpu_levels":[…],"threads",
//  "blas":{"library","openblas","core","config","threads"},
//  "memory":{"active_bytes","cache_bytes","peak_bytes","resident_bytes"},
//  "proof":{"ok","seconds","error"}}
// "proof" multiplies small matrices by MLX and by our own kernels and compares with the exact
// result. Never throws: what fails is in proof.error.
base::Json doctor_report();

// `mlx-hub-worker doctor`: prints the report as one line; 0 when the proof is ok, else 1.
int run_doctor();

// `mlx-hub-worker device`: the event "device" {"gpu","environment"}
// (core/base/worker_protocol.h), without computing; returns 0. The environment is that of a job
// with the same arguments.
int run_device(const base::BuildInfo& build);

}  // namespace hub::api

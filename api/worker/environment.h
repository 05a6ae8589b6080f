#pragma once

#include <map>
#include <string>

#include "core/base/build_info.h"
#include "core/base/json.h"

namespace hub::api {

// What results depend on that only a process with MLX knows, the data of an "environment" event
// (core/base/worker_protocol.h):
// {"worker": BuildInfo, "mlx": {"version","device","device_name"},
//  "cpu": {"kernels","threads"}, "blas": {"library","core","config","threads"},
//  "variables": numeric_variables()}
// "device" is cpu, metal or cuda. On the thread that owns MLX. Throws what MLX does where its
// device cannot be used.
base::Json environment_facts(const base::BuildInfo& build);

// {"library","openblas","core","config","threads"} of blas_info().
base::Json blas_json();

// Of "NAME=value" (null at the end) the variables by which MLX, OpenMP, BLAS and CUDA choose what
// they compute with. None of our own, which may be secret, none that is named like a secret, and
// none by which ranks only find each other.
std::map<std::string, std::string> numeric_variables(const char* const* variables);

}  // namespace hub::api

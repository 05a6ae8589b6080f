#pragma once

#include <string>
#include <vector>

#include "core/hub/config.h"

namespace hub::api {

// One finding about this machine or installation.
struct Finding {
  enum class Level { kOk, kWarning, kProblem };
  Level level;
  std::string what;    // "memory budget"
  std::string detail;  // what was found
  std::string advice;  // what to do; empty when ok
};

// Looks at machine, worker, libraries, memory, folders and the server. Starts the worker once
// ("mlx-hub-worker doctor"); changes nothing.
std::vector<Finding> examine(const hub::Config& config);

// Prints the findings (as JSON where asked). Returns the exit code: 1 when there is a problem.
int run_doctor(const hub::Config& config, bool json);

}  // namespace hub::api

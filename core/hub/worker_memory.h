#pragma once

#include <string>

#include "core/obs/metrics.h"

namespace hub::hub {

// Bytes that a worker said it holds.
struct WorkerMemory {
  double active_bytes = 0;  // MLX: in arrays
  double cache_bytes = 0;   // MLX: freed, kept for reuse
  double peak_bytes = 0;    // MLX: the most active_bytes ever was
  double resident_bytes = 0;
};

// As metrics (docs/metrics.md, "Memory"); `worker` as "engine smollm2" or "job 0".
void tell_memory(
    obs::MetricSnapshot& snapshot, const std::string& worker, const WorkerMemory& memory);

}  // namespace hub::hub

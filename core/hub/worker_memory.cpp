#include "core/hub/worker_memory.h"

namespace hub::hub {

void tell_memory(
    obs::MetricSnapshot& snapshot, const std::string& worker, const WorkerMemory& memory) {
  const obs::Labels labels{{"worker", worker}};
  snapshot.gauge("mlx_active_memory_bytes", "Bytes in MLX's arrays", memory.active_bytes, labels);
  snapshot.gauge(
      "mlx_cache_memory_bytes", "Bytes that MLX keeps for reuse", memory.cache_bytes, labels);
  snapshot.gauge(
      "mlx_peak_memory_bytes", "The most that MLX's arrays ever took", memory.peak_bytes, labels);
  snapshot.gauge(
      "mlx_hub_worker_resident_bytes", "A worker's resident set", memory.resident_bytes, labels);
}

}  // namespace hub::hub

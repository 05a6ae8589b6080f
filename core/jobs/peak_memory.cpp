#include "core/jobs/peak_memory.h"

#include <algorithm>

#include "core/db/statement.h"

namespace hub::jobs {

std::uint64_t PeakMemory::corrected(const std::string& key, std::uint64_t estimated_bytes) {
  std::uint64_t peak = 0;
  pool_.read([&](db::Connection& connection) {
    db::Statement row(connection, "SELECT peak_bytes FROM memory_peaks WHERE key = ?1", key);
    if (row.step()) {
      peak = static_cast<std::uint64_t>(row.integer(0));
    }
  });
  if (peak == 0) {
    return estimated_bytes;
  }
  return std::max(
      static_cast<std::uint64_t>(static_cast<double>(peak) * kRoom), estimated_bytes / 10);
}

void PeakMemory::record(
    const std::string& key, std::uint64_t estimated_bytes, std::uint64_t peak_bytes) {
  if (key.empty() || estimated_bytes == 0 || peak_bytes == 0) {
    return;
  }
  pool_.write([&](db::Connection& connection) {
    db::Statement(
        connection,
        "INSERT INTO memory_peaks (key, estimated_bytes, peak_bytes, updated_at) "
        "VALUES (?1, ?2, ?3, ?4) ON CONFLICT (key) DO UPDATE SET estimated_bytes = ?2, "
        "peak_bytes = max(peak_bytes, ?3), runs = runs + 1, updated_at = ?4",
        key,
        estimated_bytes,
        peak_bytes,
        clock_.now_ms())
        .run();
  });
}

}  // namespace hub::jobs

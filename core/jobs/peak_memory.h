#pragma once

#include <cstdint>
#include <string>

#include "core/base/clock.h"
#include "core/db/pool.h"

namespace hub::jobs {

// What workers really took, so that later estimates are better. The key says everything that
// decides the peak: kind of job, base digest, shapes. Thread-safe.
class PeakMemory {
 public:
  PeakMemory(db::Pool& pool, const base::Clock& clock) : pool_(pool), clock_(clock) {}

  // The estimate as corrected: after a run with the same key what that took, with a little room;
  // never below a tenth of the estimate, so that a run that ended early misleads nobody.
  [[nodiscard]] std::uint64_t corrected(const std::string& key, std::uint64_t estimated_bytes);

  // A run that came to its end took so much at its highest; the highest of all runs counts.
  void record(const std::string& key, std::uint64_t estimated_bytes, std::uint64_t peak_bytes);

  // Room over a measured peak: allocators and page sizes vary from run to run.
  static constexpr double kRoom = 1.05;

 private:
  db::Pool& pool_;
  const base::Clock& clock_;
};

}  // namespace hub::jobs

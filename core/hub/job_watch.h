#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/jobs/job_queue.h"

namespace hub::hub {

// Why a running job is stopped from outside.
enum class StopCause : std::uint8_t {
  kNone,
  kCancelled,  // asked for by a client
  kLost,       // the queue says that it is no longer this runner's
  kTimeout,    // beyond the job's own time limit
  kStalled,    // no sign of progress for too long
  kShutdown,   // the hub stops; the job goes on at its next start
  kYield,      // serving needs its memory; the job goes on afterwards
};

// What is seen of a running job. Seconds are of the monotonic clock, which stands still while the
// machine sleeps, and leave out pauses.
struct JobSigns {
  jobs::Heartbeat heartbeat = jobs::Heartbeat::kContinue;
  double running_seconds = 0;
  double quiet_seconds = 0;  // since the worker last showed progress
  bool hub_stops = false;
  bool must_yield = false;
};

struct JobLimits {
  std::optional<std::int64_t> timeout_seconds;
  double stall_seconds = 600;
};

// The first cause that holds, in the order of the enumeration.
StopCause stop_cause(const JobSigns& signs, const JobLimits& limits);

// Whether the work done so far is kept for the next attempt: then the worker is asked for a
// checkpoint before it is stopped.
bool keeps_work(StopCause cause);

// The reason in words, for FAILED, CANCELLED and logs; empty for kNone.
std::string to_text(StopCause cause, const JobLimits& limits);

// When a job whose attempt crashed is tried again: `first_seconds`, then four times as long for
// each further attempt, at most an hour. `attempt` counts from 1.
double retry_delay_seconds(int attempt, double first_seconds);

}  // namespace hub::hub

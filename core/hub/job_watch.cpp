#include "core/hub/job_watch.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace hub::hub {
namespace {

constexpr double kLongestDelaySeconds = 3600;

}  // namespace

StopCause stop_cause(const JobSigns& signs, const JobLimits& limits) {
  if (signs.heartbeat == jobs::Heartbeat::kCancelRequested) {
    return StopCause::kCancelled;
  }
  if (signs.heartbeat == jobs::Heartbeat::kLost) {
    return StopCause::kLost;
  }
  if (limits.timeout_seconds &&
      signs.running_seconds > static_cast<double>(*limits.timeout_seconds)) {
    return StopCause::kTimeout;
  }
  if (signs.quiet_seconds > limits.stall_seconds) {
    return StopCause::kStalled;
  }
  if (signs.hub_stops) {
    return StopCause::kShutdown;
  }
  return signs.must_yield ? StopCause::kYield : StopCause::kNone;
}

bool keeps_work(StopCause cause) {
  return cause == StopCause::kShutdown || cause == StopCause::kYield ||
         cause == StopCause::kCancelled;
}

std::string to_text(StopCause cause, const JobLimits& limits) {
  switch (cause) {
    case StopCause::kNone:
      return {};
    case StopCause::kCancelled:
      return "cancelled by request";
    case StopCause::kLost:
      return "the job was taken away";
    case StopCause::kTimeout:
      return fmt::format(
          "the job ran longer than its limit of {} seconds", limits.timeout_seconds.value_or(0));
    case StopCause::kStalled:
      return fmt::format("the worker showed no progress for {:g} seconds", limits.stall_seconds);
    case StopCause::kShutdown:
      return "the hub stopped while the job ran";
    case StopCause::kYield:
      return "serving needed the job's memory";
  }
  return {};
}

double retry_delay_seconds(int attempt, double first_seconds) {
  return std::min(kLongestDelaySeconds, first_seconds * std::pow(4.0, std::max(0, attempt - 1)));
}

}  // namespace hub::hub

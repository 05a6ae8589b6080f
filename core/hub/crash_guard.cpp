#include "core/hub/crash_guard.h"

#include <algorithm>
#include <cmath>

namespace hub::hub {

void CrashGuard::crashed(
    const std::string& what, double now, double ran_seconds, const std::string& why) {
  Crash& crash = crashes_[what];
  if (ran_seconds >= limits_.well_seconds) {
    crash = {};
  }
  ++crash.count;
  crash.why = why;
  const int delayed = crash.count - limits_.free_crashes;
  crash.not_before =
      delayed <= 0
          ? now
          : now +
                std::min(limits_.most_seconds, limits_.first_seconds * std::pow(2.0, delayed - 1));
}

CrashGuard::Verdict CrashGuard::may_start(const std::string& what, double now) const {
  const auto found = crashes_.find(what);
  if (found == crashes_.end()) {
    return {};
  }
  return {
      .wait_seconds = std::max(0.0, found->second.not_before - now),
      .crashes = found->second.count,
      .why = found->second.why};
}

}  // namespace hub::hub

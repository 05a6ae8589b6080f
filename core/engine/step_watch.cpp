#include "core/engine/step_watch.h"

#include <utility>

#include "core/base/clock.h"
#include "core/obs/log.h"

namespace hub::engine {

void StepWatch::begin(StepFacts facts) {
  const std::lock_guard lock(mutex_);
  facts_ = std::move(facts);
  begun_ = base::steady_seconds();
  told_ = false;
}

void StepWatch::end() {
  const std::lock_guard lock(mutex_);
  const double seconds = base::steady_seconds() - begun_;
  if (told_) {
    obs::log::info("slow_step_ended", {{"seconds", seconds}});
  } else {
    tell_if_slow(seconds);
  }
  begun_ = 0.0;
}

void StepWatch::look() {
  const std::lock_guard lock(mutex_);
  if (begun_ > 0.0 && !told_) {
    tell_if_slow(base::steady_seconds() - begun_);
  }
}

void StepWatch::tell_if_slow(double seconds) {
  if (seconds <= slow_seconds_) {
    return;
  }
  told_ = true;
  ++slow_steps_;
  obs::log::warning(
      "step_slow",
      {{"seconds", seconds},
       {"sequences", facts_.sequences},
       {"rows", facts_.rows},
       {"longest", facts_.longest},
       {"requests", facts_.requests}});
}

double StepWatch::seconds() const {
  const std::lock_guard lock(mutex_);
  return begun_ > 0.0 ? base::steady_seconds() - begun_ : 0.0;
}

std::uint64_t StepWatch::slow_steps() const {
  const std::lock_guard lock(mutex_);
  return slow_steps_;
}

}  // namespace hub::engine

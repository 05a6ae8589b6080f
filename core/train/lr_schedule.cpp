#include "core/train/lr_schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/base/error.h"

namespace hub::train {

LrSchedule::LrSchedule(const std::string& kind, double peak, int warmup_updates, int total_updates)
    : kind_(Kind::kConstant), peak_(peak), warmup_updates_(std::max(0, warmup_updates)) {
  if (kind == "linear") {
    kind_ = Kind::kLinear;
  } else if (kind == "cosine") {
    kind_ = Kind::kCosine;
  } else if (kind != "constant") {
    throw base::Error(
        base::ErrorCode::kInvalidArgument,
        "lr_schedule must be constant, linear or cosine, not \"" + kind + "\"",
        "params.lr_schedule");
  }
  const int before = warmup_updates_ > 0 ? warmup_updates_ + 1 : 0;
  decay_updates_ = std::max(1, total_updates - before);
}

double LrSchedule::at(int update) const {
  if (warmup_updates_ > 0) {
    if (update <= warmup_updates_) {
      return peak_ * update / warmup_updates_;
    }
    update -= warmup_updates_ + 1;
  }
  const double done = static_cast<double>(std::min(update, decay_updates_)) / decay_updates_;
  switch (kind_) {
    case Kind::kConstant:
      break;
    case Kind::kLinear:
      return peak_ * (1.0 - done);
    case Kind::kCosine:
      return peak_ * 0.5 * (1.0 + std::cos(std::numbers::pi * done));
  }
  return peak_;
}

}  // namespace hub::train

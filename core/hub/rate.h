#pragma once

#include <cstdint>
#include <optional>

#include "core/base/clock.h"

namespace hub::hub {

// Bytes a second over about the last ten seconds.
class Rate {
 public:
  // nullopt until enough time has passed to tell.
  std::optional<double> update(std::int64_t bytes) {
    const double now = base::steady_seconds();
    if (begin_seconds_ == 0 || bytes < begin_bytes_) {
      begin_seconds_ = now;
      begin_bytes_ = bytes;
    }
    const double seconds = now - begin_seconds_;
    if (seconds >= kWindowSeconds / 10) {
      rate_ = static_cast<double>(bytes - begin_bytes_) / seconds;
    }
    if (seconds > kWindowSeconds) {  // forget the older half
      begin_bytes_ += (bytes - begin_bytes_) / 2;
      begin_seconds_ += seconds / 2;
    }
    return rate_;
  }

 private:
  static constexpr double kWindowSeconds = 10.0;
  double begin_seconds_ = 0;
  std::int64_t begin_bytes_ = 0;
  std::optional<double> rate_;
};

}  // namespace hub::hub

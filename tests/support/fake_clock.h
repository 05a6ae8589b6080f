#pragma once

#include <atomic>
#include <cstdint>

#include "core/base/clock.h"

namespace hub::test {

// A clock that stands still until the test moves it. Thread-safe.
class FakeClock final : public base::Clock {
 public:
  [[nodiscard]] std::int64_t now_ms() const override { return now_ms_; }
  void advance_ms(std::int64_t ms) { now_ms_ += ms; }

 private:
  std::atomic<std::int64_t> now_ms_{1'700'000'000'000};
};

}  // namespace hub::test

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace hub::base {

// Wall-clock time; tests pass their own. Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  // Milliseconds since 1970-01-01 UTC.
  [[nodiscard]] virtual std::int64_t now_ms() const = 0;
};

class SystemClock final : public Clock {
 public:
  [[nodiscard]] std::int64_t now_ms() const override;
};

// Nanoseconds since 1970-01-01 UTC.
std::int64_t unix_ns();

// Seconds on a clock that never jumps, for durations.
double steady_seconds();

// "2026-11-23T10:15:30.123Z"
std::string rfc3339(std::int64_t ms);

}  // namespace hub::base

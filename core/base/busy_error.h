#pragma once

#include <string>
#include <utility>

#include "core/base/error.h"

namespace hub::base {

// kRateLimited or kUnavailable of something that has too much to do now. `retry_after_s`: the
// seconds, at least 1, after which it is worth another try.
class BusyError : public Error {
 public:
  BusyError(ErrorCode code, const std::string& message, std::string reason, int retry_after_s)
      : Error(code, message, {}, std::move(reason)), retry_after_s_(retry_after_s) {}

  [[nodiscard]] int retry_after_s() const { return retry_after_s_; }

 private:
  int retry_after_s_;
};

}  // namespace hub::base

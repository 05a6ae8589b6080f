#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace hub::base {

// What went wrong, from the caller's point of view. api/http_error maps each to a status and an
// error type.
enum class ErrorCode : std::uint8_t {
  kInvalidArgument,     // 400: the request can never work as sent
  kUnauthenticated,     // 401
  kPermissionDenied,    // 403
  kNotFound,            // 404
  kConflict,            // 409: exists already, or the state forbids it
  kTooLarge,            // 413
  kUnsupportedMedia,    // 415
  kUnprocessable,       // 422: well-formed, but its content cannot be used (data set, weights)
  kRateLimited,         // 429
  kUnavailable,         // 503: try again later
  kInsufficientMemory,  // 503
  kCancelled,           // asked for by the client or by shutdown
  kNotImplemented,      // 501
  kInternal,            // 500
};

// The only exception type this project throws for a failure that somebody outside may read.
// `what()` says what was wanted and what came. `param` is the path of the offending field
// ("messages[1].role") or empty; `reason` is a stable machine-readable code ("model_not_found") or
// empty.
class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message, std::string param = {}, std::string reason = {})
      : std::runtime_error(message),
        code_(code),
        param_(std::move(param)),
        reason_(std::move(reason)) {}

  [[nodiscard]] ErrorCode code() const { return code_; }
  [[nodiscard]] const std::string& param() const { return param_; }
  [[nodiscard]] const std::string& reason() const { return reason_; }

 private:
  ErrorCode code_;
  std::string param_;
  std::string reason_;
};

// The name of a code as it travels in worker events: "invalid_argument", "not_found", …
std::string_view to_string(ErrorCode code);

// The code with that name; kInternal for an unknown name.
ErrorCode error_code_from(std::string_view name);

}  // namespace hub::base

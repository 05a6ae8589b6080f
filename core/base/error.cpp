#include "core/base/error.h"

#include <array>
#include <utility>

namespace hub::base {
namespace {

constexpr std::array<std::pair<ErrorCode, std::string_view>, 14> kNames{{
    {ErrorCode::kInvalidArgument, "invalid_argument"},
    {ErrorCode::kUnauthenticated, "unauthenticated"},
    {ErrorCode::kPermissionDenied, "permission_denied"},
    {ErrorCode::kNotFound, "not_found"},
    {ErrorCode::kConflict, "conflict"},
    {ErrorCode::kTooLarge, "too_large"},
    {ErrorCode::kUnsupportedMedia, "unsupported_media"},
    {ErrorCode::kUnprocessable, "unprocessable"},
    {ErrorCode::kRateLimited, "rate_limited"},
    {ErrorCode::kUnavailable, "unavailable"},
    {ErrorCode::kInsufficientMemory, "insufficient_memory"},
    {ErrorCode::kCancelled, "cancelled"},
    {ErrorCode::kNotImplemented, "not_implemented"},
    {ErrorCode::kInternal, "internal"},
}};

}  // namespace

std::string_view to_string(ErrorCode code) {
  for (const auto& [known, name] : kNames) {
    if (known == code) {
      return name;
    }
  }
  return "internal";
}

ErrorCode error_code_from(std::string_view name) {
  for (const auto& [code, known] : kNames) {
    if (known == name) {
      return code;
    }
  }
  return ErrorCode::kInternal;
}

}  // namespace hub::base

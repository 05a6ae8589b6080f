#include "api/anthropic/error_form.h"

#include <nlohmann/json.hpp>

#include "core/base/json.h"

namespace hub::api {

std::string_view anthropic_error_type(int status) {
  switch (status) {
    case 401:
      return "authentication_error";
    case 403:
      return "permission_error";
    case 404:
      return "not_found_error";
    case 413:
      return "request_too_large";
    case 429:
      return "rate_limit_error";
    case 503:
    case 529:
      return "overloaded_error";
    case 504:
      return "timeout_error";
    default:
      return status >= 500 ? "api_error" : "invalid_request_error";
  }
}

std::string anthropic_error(
    int status, std::string_view message, std::string_view code, std::string_view request_id) {
  // Claude Code makes a conversation shorter when it reads this.
  const std::string prefix = code == "context_length_exceeded" ? "prompt is too long: " : "";
  const base::Json body = {
      {"type", "error"},
      {"error",
       {{"type", anthropic_error_type(status)}, {"message", prefix + std::string(message)}}},
      {"request_id", request_id.empty() ? base::Json(nullptr) : base::Json(request_id)}};
  return body.dump(-1, ' ', false, base::Json::error_handler_t::replace);
}

}  // namespace hub::api

#include "api/server/http_error.h"

#include <exception>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/base/busy_error.h"
#include "core/base/json.h"
#include "core/obs/log.h"

namespace hub::api {
namespace {

base::Json or_null(std::string_view text) {
  return text.empty() ? base::Json(nullptr) : base::Json(text);
}

std::string_view error_type(const base::Error& error) {
  const bool memory =
      error.code() == base::ErrorCode::kInsufficientMemory ||
      (error.code() == base::ErrorCode::kUnprocessable && error.reason() == "insufficient_memory");
  return memory ? "insufficient_memory" : type_of(status_of(error.code()));
}

Response with_body(int status, std::string body) {
  Response response = json_response(status, std::move(body));
  if (status == 429 || status == 503) {
    response.headers.emplace("Retry-After", "1");
  }
  return response;
}

Response internal_error(const Request& request, std::string_view what) {
  obs::log::error(
      "request_failed",
      {{"request_id", request.request_id},
       {"method", request.method},
       {"route", request.route},
       {"error", what}});
  return error_response(
      500,
      fmt::format(
          "internal error; the server's log has the reason under request id {}",
          request.request_id),
      "internal_error");
}

}  // namespace

int status_of(base::ErrorCode code) {
  switch (code) {
    case base::ErrorCode::kInvalidArgument:
      return 400;
    case base::ErrorCode::kUnauthenticated:
      return 401;
    case base::ErrorCode::kPermissionDenied:
      return 403;
    case base::ErrorCode::kNotFound:
      return 404;
    case base::ErrorCode::kConflict:
      return 409;
    case base::ErrorCode::kTooLarge:
      return 413;
    case base::ErrorCode::kUnsupportedMedia:
      return 415;
    case base::ErrorCode::kUnprocessable:
      return 422;
    case base::ErrorCode::kRateLimited:
      return 429;
    case base::ErrorCode::kUnavailable:
    case base::ErrorCode::kInsufficientMemory:
    case base::ErrorCode::kCancelled:
      return 503;
    case base::ErrorCode::kNotImplemented:
      return 501;
    case base::ErrorCode::kInternal:
      return 500;
  }
  return 500;
}

std::string_view type_of(int status) {
  switch (status) {
    case 401:
      return "authentication_error";
    case 403:
      return "permission_error";
    case 429:
      return "rate_limit_error";
    case 501:
      return "not_supported_error";
    case 503:
      return "unavailable_error";
    default:
      return status >= 500 ? "server_error" : "invalid_request_error";
  }
}

std::string error_body(
    std::string_view message,
    std::string_view type,
    std::string_view param,
    std::string_view code) {
  base::Json error;
  error["message"] = message;
  error["type"] = type;
  error["param"] = or_null(param);
  error["code"] = or_null(code);
  base::Json body;
  body["error"] = std::move(error);
  // Messages may quote what a client sent: bytes that are no UTF-8 become U+FFFD.
  return body.dump(-1, ' ', false, base::Json::error_handler_t::replace);
}

std::string error_body(const base::Error& error) {
  return error_body(error.what(), error_type(error), error.param(), error.reason());
}

Response error_response(const base::Error& error) {
  Response response = with_body(status_of(error.code()), error_body(error));
  if (const auto* busy = dynamic_cast<const base::BusyError*>(&error)) {
    response.headers["Retry-After"] = std::to_string(busy->retry_after_s());
  }
  // RFC 6750, section 3: without an error where no key came.
  if (error.code() == base::ErrorCode::kUnauthenticated) {
    response.headers["WWW-Authenticate"] =
        error.reason() == "missing_api_key" ? "Bearer realm=\"mlx-hub\""
                                            : "Bearer realm=\"mlx-hub\", error=\"invalid_token\"";
  } else if (error.reason() == "insufficient_scope") {
    response.headers["WWW-Authenticate"] = "Bearer realm=\"mlx-hub\", error=\"insufficient_scope\"";
  }
  return response;
}

Response error_response(int status, std::string_view message, std::string_view code) {
  return with_body(status, error_body(message, type_of(status), {}, code));
}

Response answer(const Handler& handler, const Request& request) {
  try {
    return handler(request);
  } catch (const base::Error& error) {
    if (error.code() != base::ErrorCode::kInternal) {
      return error_response(error);
    }
    return internal_error(request, error.what());
  } catch (const std::exception& error) {
    return internal_error(request, error.what());
  } catch (...) {
    return internal_error(request, "an exception of unknown type");
  }
}

}  // namespace hub::api

#pragma once

#include <string>
#include <string_view>

#include "api/server/http.h"
#include "core/base/error.h"

namespace hub::api {

// The one place that turns failures into answers. The body is
// {"error":{"message","type","param","code"}}; param and code are null when empty.

int status_of(base::ErrorCode code);
// "invalid_request_error", "authentication_error", "permission_error", "rate_limit_error",
// "server_error", "unavailable_error"; insufficient memory is told apart by error_response below.
std::string_view type_of(int status);

// One line of JSON without a newline; also the data of an SSE error event.
std::string error_body(
    std::string_view message,
    std::string_view type,
    std::string_view param = {},
    std::string_view code = {});
std::string error_body(const base::Error& error);

// 429 and 503 carry Retry-After (1 where it is no BusyError), 401 and a key that allows too
// little WWW-Authenticate.
Response error_response(const base::Error& error);
// For statuses without an ErrorCode (405, 411, 414 …).
Response error_response(int status, std::string_view message, std::string_view code = {});

// The wrapper around every handler: an Error becomes its answer; anything else a 500 that names the
// request id, logged once with what it was.
Response answer(const Handler& handler, const Request& request);

}  // namespace hub::api

#pragma once

#include <string>

#include "api/server/http.h"

namespace hub::api {

// The id under which a request's traces are found: that of the server that faces clients, where it
// told one.
inline std::string request_id_of(const Request& request) {
  const std::string given = request.header("x-hub-request-id");
  return given.empty() ? request.request_id : given;
}

}  // namespace hub::api

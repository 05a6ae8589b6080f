#pragma once

#include <vector>

#include "api/server/http.h"

namespace hub::api {

// Routes of OpenAI's that the hub does not have, in all their methods and paths: 501 with type
// "not_supported_error" and what is not there, so that a client says that and not "no such route".
// None has a handler: see Route::not_supported.
std::vector<Route> unsupported_routes();

}  // namespace hub::api

#pragma once

#include <vector>

#include "api/handlers/route_context.h"
#include "api/server/http.h"

namespace hub::api {

// /versions, /models/{id}/versions, and the files of a version.
std::vector<Route> version_routes(const RouteContext& context);

}  // namespace hub::api

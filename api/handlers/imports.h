#pragma once

#include <vector>

#include "api/handlers/route_context.h"
#include "api/server/http.h"

namespace hub::api {

// GET /imports: the imports that run now.
std::vector<Route> import_routes(const RouteContext& context);

}  // namespace hub::api

#pragma once

#include <vector>

#include "api/handlers/route_context.h"
#include "api/server/http.h"

namespace hub::api {

// /jobs/{id}/environment, /jobs/{id}/reproduce and /jobs/{id}/comparison.
std::vector<Route> reproduction_routes(const RouteContext& context);

}  // namespace hub::api

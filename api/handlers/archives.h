#pragma once

#include <vector>

#include "api/handlers/route_context.h"
#include "api/server/http.h"

namespace hub::api {

// GET /models/{id}/archive, POST /models/import.
std::vector<Route> archive_routes(const RouteContext& context);

}  // namespace hub::api

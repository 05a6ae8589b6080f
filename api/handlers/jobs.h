#pragma once

#include <vector>

#include "api/handlers/route_context.h"
#include "api/server/http.h"

namespace hub::api {

// /jobs and /evaluations, except their events.
std::vector<Route> job_routes(const RouteContext& context);

}  // namespace hub::api

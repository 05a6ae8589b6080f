#pragma once

#include <vector>

#include "api/handlers/route_context.h"
#include "api/server/http.h"

namespace hub::api {

// /datasets.
std::vector<Route> dataset_routes(const RouteContext& context);

}  // namespace hub::api

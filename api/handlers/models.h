#pragma once

#include <vector>

#include "api/handlers/route_context.h"
#include "api/server/http.h"

namespace hub::api {

// /models and /models/{id}/aliases.
std::vector<Route> model_routes(const RouteContext& context);

}  // namespace hub::api

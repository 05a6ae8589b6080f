#pragma once

#include <vector>

#include "api/handlers/route_context.h"
#include "api/server/http.h"

namespace hub::api {

// GET /versions/{id}/peft/{name}: an adapter's two files as PEFT reads them.
std::vector<Route> adapter_export_routes(const RouteContext& context);

}  // namespace hub::api

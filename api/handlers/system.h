#pragma once

#include <vector>

#include "api/server/http.h"
#include "core/hub/hub.h"

namespace hub::api {

// /healthz, /readyz, /system, /engines, /openapi.yaml. The hub must outlive the routes.
std::vector<Route> system_routes(hub::Hub& hub);

}  // namespace hub::api

#pragma once

#include <vector>

#include "api/server/http.h"
#include "core/hub/hub.h"

namespace hub::api {

// Every route of `mlx-hub serve`, in one table. The hub must outlive it. api/openapi.yaml describes
// the same routes (a test compares them).
std::vector<Route> all_routes(hub::Hub& hub);

}  // namespace hub::api

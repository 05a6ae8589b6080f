#pragma once

#include <vector>

#include "api/server/http.h"
#include "core/hub/hub.h"

namespace hub::api {

// The routes of models, versions, aliases, data sets, jobs, evaluations and events. The hub must
// outlive them.
std::vector<Route> registry_routes(hub::Hub& hub);

}  // namespace hub::api

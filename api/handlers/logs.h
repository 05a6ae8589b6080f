#pragma once

#include <vector>

#include "api/handlers/route_context.h"
#include "api/server/http.h"

namespace hub::api {

// GET /logs: records of the server and its workers, from their files, as a list or as server-sent
// events; GET and PUT /logs/level. The text of an engine's and a job's log is in system.h and
// jobs.h.
std::vector<Route> log_routes(const RouteContext& context);

}  // namespace hub::api

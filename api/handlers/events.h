#pragma once

#include <vector>

#include "api/handlers/route_context.h"
#include "api/server/http.h"

namespace hub::api {

// GET /events and GET /jobs/{id}/events: the event log as server-sent events. Each has the event's
// sequence number as its id; a client that comes back with `Last-Event-ID` (or `?after=`) gets
// everything since, in order, each once.
std::vector<Route> event_routes(const RouteContext& context);

}  // namespace hub::api

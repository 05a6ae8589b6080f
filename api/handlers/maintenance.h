#pragma once

#include <vector>

#include "api/handlers/route_context.h"
#include "api/server/http.h"
#include "core/base/json.h"
#include "core/hub/garbage.h"
#include "core/hub/integrity.h"

namespace hub::api {

// POST /gc, /backup, /versions/{id}/verify.
std::vector<Route> maintenance_routes(const RouteContext& context);

// As the routes answer, for the same commands without a server.
base::Json garbage_json(const hub::GarbageReport& report);
base::Json verification_json(const hub::Integrity::Report& report);

}  // namespace hub::api

#pragma once

#include <vector>

#include "api/handlers/route_context.h"
#include "api/server/http.h"
#include "core/base/json.h"

namespace hub::api {

// GET /mlflow, POST /mlflow/retry.
std::vector<Route> mlflow_routes(const RouteContext& context);

// Where the server that is told of everything stands; null without one.
base::Json mlflow_json(hub::Hub& hub);
// What it knows of a model.
base::Json mlflow_json(hub::Hub& hub, const std::string& model_id);

}  // namespace hub::api

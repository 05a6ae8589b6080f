#pragma once

#include <vector>

#include "api/server/http.h"
#include "core/base/json.h"
#include "core/hub/hub.h"
#include "core/hub/model_pool.h"

namespace hub::api {

// Ollama's routes under /api. The hub must outlive them.
std::vector<Route> ollama_routes(hub::Hub& hub);

// What GET /api/ps answers where these are the engines: those that are ready, but for one whose
// version is gone meanwhile.
base::Json ollama_running(hub::Hub& hub, const std::vector<hub::ModelPool::EngineInfo>& engines);

}  // namespace hub::api

#pragma once

#include <vector>

#include "api/server/http.h"
#include "core/hub/hub.h"

namespace hub::api {

// Ollama's routes under /api. The hub must outlive them.
std::vector<Route> ollama_routes(hub::Hub& hub);

}  // namespace hub::api

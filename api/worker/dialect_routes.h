#pragma once

#include <vector>

#include "api/server/http.h"
#include "api/worker/served_model.h"

namespace hub::api {

// The engine worker's routes in the forms of Anthropic, Ollama and llama.cpp. `model` outlives
// them.
std::vector<Route> dialect_routes(const ServedModel& model);

}  // namespace hub::api

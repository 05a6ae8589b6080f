#pragma once

#include <vector>

#include "api/server/http.h"
#include "core/hub/hub.h"

namespace hub::api {

// OpenAI's Responses: POST /v1/responses, and what is stored of it under /v1/responses/{id}. An
// answer is stored with the conversation that it answered, unless its request says "store": false;
// one that names previous_response_id goes on from there. Each key finds its own only. The hub must
// outlive the routes.
std::vector<Route> responses_routes(hub::Hub& hub);

}  // namespace hub::api

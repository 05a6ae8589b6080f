#pragma once

#include <vector>

#include "api/server/http.h"
#include "core/hub/hub.h"

namespace hub::api {

// The OpenAI routes, with and without /v1: each request's `model` is resolved, its engine leased,
// and the bytes passed through. The hub must outlive the routes.
std::vector<Route> inference_routes(hub::Hub& hub);

}  // namespace hub::api

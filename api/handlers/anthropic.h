#pragma once

#include <vector>

#include "api/server/http.h"
#include "core/hub/hub.h"

namespace hub::api {

// POST /v1/messages and POST /v1/messages/count_tokens as Anthropic's clients call them. The hub
// must outlive them.
std::vector<Route> anthropic_routes(hub::Hub& hub);

}  // namespace hub::api

#pragma once

#include <string_view>
#include <vector>

#include "api/server/http.h"

namespace hub::api {

// api/openapi.yaml as one line of JSON.
std::string_view openapi_document();

// GET /openapi.json.
std::vector<Route> openapi_routes();

}  // namespace hub::api

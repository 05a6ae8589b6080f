#pragma once

#include <vector>

#include "api/server/http.h"
#include "core/hub/hub.h"

namespace hub::api {

// Routes of llama.cpp's server. Its clients name no model where there is one only: a request
// without `model` means the loaded model where one alone is loaded, else the default model. The hub
// must outlive them.
std::vector<Route> llama_cpp_routes(hub::Hub& hub);

}  // namespace hub::api

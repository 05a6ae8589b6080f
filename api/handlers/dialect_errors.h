#pragma once

#include "api/server/http.h"

namespace hub::api {

// Rewrites a failure in the form of the API whose route `request` names, wherever it comes from:
// Anthropic's below /v1/messages (with the header request-id), Ollama's {"error": message} below
// /api. Other routes, and bodies that have not our own form, stay as they are. Never throws.
void shape_error(const Request& request, Response& response);

}  // namespace hub::api

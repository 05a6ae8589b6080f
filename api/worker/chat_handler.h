#pragma once

#include "api/server/http.h"
#include "api/worker/served_model.h"

namespace hub::api {

// POST /v1/chat/completions
Response handle_chat(const ServedModel& model, const Request& request);

}  // namespace hub::api

#pragma once

#include "api/server/http.h"
#include "api/worker/served_model.h"

namespace hub::api {

// POST /v1/responses, of a request whose `input` is the whole conversation: what was stored of it
// the server has put in front.
Response handle_responses(const ServedModel& model, const Request& request);

}  // namespace hub::api

#pragma once

#include "api/server/http.h"
#include "api/worker/served_model.h"

namespace hub::api {

// POST /v1/messages
Response handle_messages(const ServedModel& model, const Request& request);

// POST /v1/messages/count_tokens: {"input_tokens"}, as many as the prompt has.
Response handle_count_tokens(const ServedModel& model, const Request& request);

}  // namespace hub::api

#pragma once

#include "api/openai/completion_request.h"
#include "api/server/http.h"
#include "api/worker/generation_handler.h"
#include "api/worker/served_model.h"

namespace hub::api {

// POST /v1/completions
Response handle_completion(const ServedModel& model, const Request& request);

// What the model is asked for texts to be continued, whatever API they came by; the caller sets the
// format.
Generation completion_generation(const ServedModel& model, const CompletionRequest& completion);

}  // namespace hub::api

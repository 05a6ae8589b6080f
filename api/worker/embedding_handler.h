#pragma once

#include "api/server/http.h"
#include "api/worker/served_model.h"

namespace hub::api {

// POST /v1/embeddings. Headers of the proxy that are read: x-hub-request-id, x-hub-model,
// x-hub-adapter, traceparent (generation_handler.h). The client's going away ends the work.
Response handle_embeddings(const ServedModel& model, const Request& request);

}  // namespace hub::api

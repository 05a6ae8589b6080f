#pragma once

#include <cstdint>
#include <vector>

#include "api/openai/embedding_request.h"
#include "api/server/http.h"
#include "api/worker/served_model.h"

namespace hub::api {

// POST /v1/embeddings. Headers of the proxy that are read: x-hub-request-id, x-hub-model,
// x-hub-adapter, traceparent (generation_handler.h). The client's going away ends the work.
Response handle_embeddings(const ServedModel& model, const Request& request);

struct Embedded {
  std::vector<std::vector<float>> vectors;
  std::int64_t tokens = 0;  // of all texts
  double seconds = 0.0;
};
// What was asked for, whatever API it came by. Throws what engine::Engine::embed() throws.
Embedded embed(const ServedModel& model, const Request& request, const EmbeddingRequest& asked);

}  // namespace hub::api

#pragma once

#include "api/server/http.h"
#include "api/worker/served_model.h"

namespace hub::api {

// POST /api/chat, POST /api/generate, POST /api/embed, POST /api/embeddings. Requests that only
// load a model are not for the engine.
Response handle_ollama_chat(const ServedModel& model, const Request& request);
Response handle_ollama_generate(const ServedModel& model, const Request& request);
Response handle_ollama_embed(const ServedModel& model, const Request& request);
Response handle_ollama_embeddings(const ServedModel& model, const Request& request);

}  // namespace hub::api

#include "api/worker/dialect_routes.h"

#include "api/worker/anthropic_handler.h"
#include "api/worker/llama_cpp_handler.h"
#include "api/worker/ollama_handler.h"

namespace hub::api {

std::vector<Route> dialect_routes(const ServedModel& model) {
  const auto with_model = [&model](auto handle) {
    return [&model, handle](const Request& request) { return handle(model, request); };
  };
  return {
      {"POST", "/v1/messages", with_model(handle_messages)},
      {"POST", "/v1/messages/count_tokens", with_model(handle_count_tokens)},
      {"POST", "/api/chat", with_model(handle_ollama_chat)},
      {"POST", "/api/generate", with_model(handle_ollama_generate)},
      {"POST", "/api/embed", with_model(handle_ollama_embed)},
      {"POST", "/api/embeddings", with_model(handle_ollama_embeddings)},
      {"POST", "/completion", with_model(handle_llama_completion)},
      {"POST", "/tokenize", with_model(handle_tokenize)},
      {"POST", "/detokenize", with_model(handle_detokenize)},
      {"POST", "/apply-template", with_model(handle_apply_template)},
      {"GET", "/props", with_model(handle_props)},
      {"GET", "/slots", with_model(handle_slots)},
  };
}

}  // namespace hub::api

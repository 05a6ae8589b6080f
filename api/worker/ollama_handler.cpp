#include "api/worker/ollama_handler.h"

#include <memory>
#include <utility>

#include <nlohmann/json.hpp>

#include "api/ollama/ollama_format.h"
#include "api/ollama/ollama_request.h"
#include "api/worker/chat_handler.h"
#include "api/worker/completion_handler.h"
#include "api/worker/embedding_handler.h"
#include "core/base/clock.h"
#include "core/base/json_reader.h"

namespace hub::api {

namespace {

using base::Json;

Json body_of(const Request& request) {
  return base::parse_json(request.body, "the request body");
}

Response answer_in(
    const ServedModel& model,
    const Request& request,
    OllamaFormat::Route route,
    Generation generation,
    double arrived) {
  generation.arrived = arrived;
  generation.format =
      std::make_unique<OllamaFormat>(answer_head(model, request, "", generation.options), route);
  return generate(model, request, std::move(generation));
}

struct Answered {
  Embedded embedded;
  AnswerHead head;
  [[nodiscard]] OllamaEmbedding embedding() const {
    return {
        .vectors = embedded.vectors,
        .model = head.model,
        .prompt_tokens = embedded.tokens,
        .seconds = embedded.seconds,
        .load_seconds = head.load_seconds};
  }
};

Answered embedded(const ServedModel& model, const Request& request, const EmbeddingRequest& asked) {
  return {
      .embedded = embed(model, request, asked),
      .head = answer_head(model, request, "", GenerationOptions{})};
}

}  // namespace

Response handle_ollama_chat(const ServedModel& model, const Request& request) {
  const double arrived = base::steady_seconds();
  const ChatRequest chat = ollama_chat(body_of(request));
  return read_translated(ollama_field_names(), [&] {
    return answer_in(
        model, request, OllamaFormat::Route::kChat, chat_generation(model, chat), arrived);
  });
}

Response handle_ollama_generate(const ServedModel& model, const Request& request) {
  const double arrived = base::steady_seconds();
  const OllamaGenerate asked = ollama_generate(body_of(request));
  return read_translated(ollama_field_names(), [&] {
    const auto* chat = std::get_if<ChatRequest>(&asked);
    Generation generation = chat != nullptr
                                ? chat_generation(model, *chat)
                                : completion_generation(model, std::get<CompletionRequest>(asked));
    generation.prompt_field = "prompt";
    return answer_in(
        model, request, OllamaFormat::Route::kGenerate, std::move(generation), arrived);
  });
}

Response handle_ollama_embed(const ServedModel& model, const Request& request) {
  const Answered answered = embedded(model, request, ollama_embed(body_of(request)));
  return json_response(200, ollama_embed_answer(answered.embedding()));
}

Response handle_ollama_embeddings(const ServedModel& model, const Request& request) {
  const Answered answered = embedded(model, request, ollama_embeddings(body_of(request)));
  return json_response(200, ollama_embeddings_answer(answered.embedding()));
}

}  // namespace hub::api

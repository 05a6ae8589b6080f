#pragma once

#include <optional>
#include <span>
#include <string>
#include <variant>

#include "api/openai/chat_request.h"
#include "api/openai/completion_request.h"
#include "api/openai/embedding_request.h"
#include "api/openai/field_names.h"
#include "core/base/json.h"

namespace hub::api {

// What Ollama's routes are asked (https://github.com/ollama/ollama/blob/main/docs/api.md) in the
// form of OpenAI's. Answers stream unless "stream" is false. Fields that are not known are ignored.
// All throw kInvalidArgument naming the field's path as the client sent it (`unsupported_parameter`
// for what would change the answer and is not supported: images, template, suffix, context).

// POST /api/chat
ChatRequest ollama_chat(const base::Json& body);

// POST /api/generate: a conversation of "system" and "prompt", or with "raw" a text to continue.
using OllamaGenerate = std::variant<ChatRequest, CompletionRequest>;
OllamaGenerate ollama_generate(const base::Json& body);
const GenerationOptions& options_of(const OllamaGenerate& request);

// What fields of those two are called there, for errors about them.
std::span<const FieldName> ollama_field_names();

// POST /api/embed: "input"; POST /api/embeddings: "prompt", whose vector is as the model made it.
// A text beyond the context is cut unless "truncate" is false.
EmbeddingRequest ollama_embed(const base::Json& body);
EmbeddingRequest ollama_embeddings(const base::Json& body);

// A chat without messages, or a generate without a prompt: loads the model, or with keep_alive 0
// unloads it.
struct OllamaLoad {
  std::string model;
  std::optional<double> keep_alive_seconds;
};
// nullopt for a request that asks for an answer. `field`: "messages" or "prompt".
std::optional<OllamaLoad> ollama_load(const base::Json& body, const std::string& field);

}  // namespace hub::api

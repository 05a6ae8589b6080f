#include "api/ollama/ollama_request.h"

#include <array>
#include <cstdint>
#include <limits>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "api/llama_cpp/sampler_names.h"
#include "api/ollama/ollama_messages.h"
#include "api/openai/keep_alive.h"
#include "core/base/error.h"
#include "core/base/json_reader.h"

namespace hub::api {

namespace {

using base::Json;
using base::JsonReader;

constexpr std::int64_t kMaxInt = std::numeric_limits<int>::max();

// "json", a JSON schema, or nothing.
void read_format(const JsonReader& body, Json& request) {
  if (!body.has("format") || body.value("format") == Json("")) {
    return;
  }
  const Json& format = body.value("format");
  if (format == "json") {
    request["response_format"] = {{"type", "json_object"}};
  } else if (format.is_object()) {
    request["response_format"] = {
        {"type", "json_schema"}, {"json_schema", {{"name", "format"}, {"schema", format}}}};
  } else {
    throw base::Error(
        base::ErrorCode::kInvalidArgument,
        "'format' must be \"json\" or a JSON schema, got " +
            (format.is_string() ? format.dump() : std::string(format.type_name())),
        body.path_of("format"));
  }
}

// true, false, or a thinking effort.
void read_think(const JsonReader& body, Json& request) {
  if (!body.has("think")) {
    return;
  }
  Json& kwargs = request["chat_template_kwargs"] = Json::object();
  if (body.value("think").is_string()) {
    kwargs["enable_thinking"] = true;
    kwargs["reasoning_effort"] = body.string("think");
  } else {
    kwargs["enable_thinking"] = *body.optional_bool("think");
  }
}

// What /api/chat and /api/generate have in common.
Json read_common(const JsonReader& body) {
  Json request = Json::object();
  for (const char* field : {"model", "keep_alive", "priority"}) {
    if (body.has(field)) {
      request[field] = body.value(field);
    }
  }
  request["stream"] = body.optional_bool("stream").value_or(true);
  if (const Json* options = body.optional_object("options")) {
    const JsonReader reader(*options, body.path_of("options"));
    copy_sampler(reader, request);
    // -1: no limit but the context; -2: until the context is full.
    const auto most = reader.optional_int("num_predict", -2, kMaxInt);
    if (most && *most > 0) {
      request["max_tokens"] = *most;
    }
  }
  return request;
}

void refuse_what_is_there(const JsonReader& body, std::initializer_list<const char*> fields) {
  for (const char* field : fields) {
    if (body.has(field) && !body.value(field).empty() && body.value(field) != Json("")) {
      refuse_unsupported(body.path_of(field), "leave it out");
    }
  }
}

EmbeddingRequest read_embedding(const JsonReader& body, const char* field, bool normalize) {
  Json request = {{"input", body.value(field)}, {"normalize", normalize}};
  for (const char* same : {"model", "dimensions", "keep_alive"}) {
    if (body.has(same)) {
      request[same] = body.value(same);
    }
  }
  const std::array<FieldName, 1> names{{{"input", field}}};
  EmbeddingRequest read =
      read_translated(names, [&request] { return EmbeddingRequest::from_json(request); });
  read.truncates = body.optional_bool("truncate").value_or(true);
  return read;
}

}  // namespace

// Of the fields that the translation takes out of "options".
std::span<const FieldName> ollama_field_names() {
  static const std::vector<FieldName> names{
      {"max_tokens", "options.num_predict"},
      {"repetition_penalty", "options.repeat_penalty"},
      {"repetition_context_size", "options.repeat_last_n"},
      {"temperature", "options.temperature"},
      {"top_k", "options.top_k"},
      {"top_p", "options.top_p"},
      {"min_p", "options.min_p"},
      {"typical_p", "options.typical_p"},
      {"presence_penalty", "options.presence_penalty"},
      {"frequency_penalty", "options.frequency_penalty"},
      {"stop", "options.stop"},
      {"response_format.json_schema.schema", "format"},
      {"response_format", "format"},
      {"chat_template_kwargs", "think"}};
  return names;
}

ChatRequest ollama_chat(const Json& json) {
  const JsonReader body(json);
  Json request = read_common(body);
  read_format(body, request);
  read_think(body, request);
  for (const char* field : {"logprobs", "top_logprobs", "tools"}) {
    if (body.has(field)) {
      request[field] = body.value(field);
    }
  }
  request["messages"] = ollama_messages(body);
  return read_translated(
      ollama_field_names(), [&request] { return ChatRequest::from_json(request); });
}

OllamaGenerate ollama_generate(const Json& json) {
  const JsonReader body(json);
  refuse_what_is_there(body, {"images", "template", "suffix", "context"});
  Json request = read_common(body);
  read_format(body, request);
  const std::string prompt = body.string("prompt");
  const bool logprobs = body.optional_bool("logprobs").value_or(false);
  const std::int64_t top =
      body.optional_int("top_logprobs", 0, GenerationOptions::kMaxTopLogprobs).value_or(0);
  if (body.optional_bool("raw").value_or(false)) {
    request["prompt"] = prompt;
    if (logprobs) {
      request["logprobs"] = top;
    }
    return read_translated(
        ollama_field_names(), [&request] { return CompletionRequest::from_json(request); });
  }
  read_think(body, request);
  if (logprobs) {
    request["logprobs"] = true;
    request["top_logprobs"] = top;
  }
  request["messages"] = Json::array();
  if (const auto system = body.optional_string("system"); system && !system->empty()) {
    request["messages"].push_back({{"role", "system"}, {"content", *system}});
  }
  request["messages"].push_back({{"role", "user"}, {"content", prompt}});
  return read_translated(
      ollama_field_names(), [&request] { return ChatRequest::from_json(request); });
}

const GenerationOptions& options_of(const OllamaGenerate& request) {
  return std::visit(
      [](const auto& one) -> const GenerationOptions& { return one.options; }, request);
}

EmbeddingRequest ollama_embed(const Json& json) {
  return read_embedding(JsonReader(json), "input", true);
}

EmbeddingRequest ollama_embeddings(const Json& json) {
  const JsonReader body(json);
  static_cast<void>(body.string("prompt"));
  return read_embedding(body, "prompt", false);
}

std::optional<OllamaLoad> ollama_load(const Json& json, const std::string& field) {
  const JsonReader body(json);
  if (body.has(field) && !body.value(field).empty() && body.value(field) != Json("")) {
    return std::nullopt;
  }
  return OllamaLoad{body.string("model"), read_keep_alive(body)};
}

}  // namespace hub::api

#include "api/handlers/llama_cpp.h"

#include <string>

#include <nlohmann/json.hpp>

#include "api/handlers/inference.h"
#include "api/handlers/request_json.h"
#include "api/llama_cpp/completion_body.h"
#include "api/llama_cpp/token_bodies.h"
#include "api/openai/chat_request.h"
#include "core/base/json_reader.h"

namespace hub::api {
namespace {

using base::Json;

Json body_of(const Request& request) {
  return base::parse_json(request.body, "the request body");
}

// `name`, or what its absence means.
std::string named(const hub::Hub& hub, const std::string& name) {
  if (!name.empty()) {
    return name;
  }
  const auto engines = hub.pool.engines();
  return engines.size() == 1 ? engines.front().model : std::string(hub::kDefaultModelName);
}

Response completion(hub::Hub& hub, const Request& request) {
  const GenerationOptions options = LlamaCompletion::from_json(body_of(request)).completion.options;
  return pass_to_engine(
      hub,
      request,
      {.operation = "text_completion",
       .model = named(hub, options.model),
       .keep_alive_seconds = options.keep_alive_seconds,
       .priority = options.priority});
}

Response tokens(hub::Hub& hub, const Request& request, const std::string& model) {
  return pass_to_engine(
      hub, request, {.operation = "tokens", .model = named(hub, model), .makes_text = false});
}

// An engine that is not there has nothing to show, and is not loaded for it.
Response slots(hub::Hub& hub, const Request& request) {
  const std::string model = named(hub, request.query_value("model"));
  const auto resolved = hub.resolver.resolve(model);
  if (!hub.pool.lease_if_ready(hub.served_model(resolved))) {
    return json_answer(200, Json::array());
  }
  return tokens(hub, request, model);
}

}  // namespace

std::vector<Route> llama_cpp_routes(hub::Hub& hub) {
  const auto healthy = [](const Request&) { return json_response(200, R"({"status":"ok"})"); };
  return {
      {"GET", "/health", healthy},
      {"GET", "/v1/health", healthy},
      {"POST", "/completion", [&hub](const Request& request) { return completion(hub, request); }},
      {"POST",
       "/tokenize",
       [&hub](const Request& request) {
         return tokens(hub, request, TokenizeBody::from_json(body_of(request)).model);
       }},
      {"POST",
       "/detokenize",
       [&hub](const Request& request) {
         return tokens(hub, request, DetokenizeBody::from_json(body_of(request)).model);
       }},
      {"POST",
       "/apply-template",
       [&hub](const Request& request) {
         return tokens(hub, request, ChatRequest::from_json(body_of(request)).options.model);
       }},
      {"GET",
       "/props",
       [&hub](const Request& request) {
         return tokens(hub, request, request.query_value("model"));
       }},
      {"GET", "/slots", [&hub](const Request& request) { return slots(hub, request); }},
  };
}

}  // namespace hub::api

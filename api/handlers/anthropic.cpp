#include "api/handlers/anthropic.h"

#include <string>

#include <nlohmann/json.hpp>

#include "api/anthropic/error_form.h"
#include "api/anthropic/messages_request.h"
#include "api/handlers/inference.h"
#include "api/server/http_error.h"
#include "api/server/sse.h"
#include "core/base/json_reader.h"

namespace hub::api {
namespace {

// The name under which Anthropic's clients look for it.
Response with_request_id(const Request& request, Response response) {
  response.headers["request-id"] = request.request_id;
  return response;
}

Response messages(hub::Hub& hub, const Request& request) {
  const ChatRequest chat = messages_request(base::parse_json(request.body, "the request body"));
  EngineCall call{
      .operation = "chat",
      .model = chat.options.model,
      .keep_alive_seconds = chat.options.keep_alive_seconds,
      .priority = chat.options.priority};
  call.lost_text = [id = request.request_id](const base::Error& error) {
    const std::string body =
        anthropic_error(status_of(error.code()), error.what(), error.reason(), id);
    return sse_event({.data = body, .event = "error", .id = {}, .retry_ms = {}});
  };
  return with_request_id(request, pass_to_engine(hub, request, call));
}

Response count_tokens(hub::Hub& hub, const Request& request) {
  const ChatRequest chat = count_tokens_request(base::parse_json(request.body, "the request body"));
  return with_request_id(
      request,
      pass_to_engine(
          hub,
          request,
          {.operation = "tokens",
           .model = chat.options.model,
           .keep_alive_seconds = chat.options.keep_alive_seconds}));
}

}  // namespace

std::vector<Route> anthropic_routes(hub::Hub& hub) {
  return {
      {"POST", "/v1/messages", [&hub](const Request& request) { return messages(hub, request); }},
      {"POST",
       "/v1/messages/count_tokens",
       [&hub](const Request& request) { return count_tokens(hub, request); }},
  };
}

}  // namespace hub::api

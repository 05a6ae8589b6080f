#include "api/handlers/inference.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "api/openai/chat_request.h"
#include "api/openai/completion_request.h"
#include "api/proxy/proxy.h"
#include "core/base/error.h"
#include "core/base/json_reader.h"

namespace hub::api {
namespace {

using base::Json;

constexpr int kPage = 200;  // models read from the registry at once

Response forward_with(
    const std::shared_ptr<hub::EngineLease>& lease,
    const Request& request,
    const std::string& model,
    const hub::ServedModel& served) {
  Upstream upstream;
  upstream.socket_path = lease->socket().string();
  upstream.headers["x-hub-request-id"] = request.request_id;
  upstream.headers["x-hub-model"] = model;
  if (served.adapter) {
    upstream.headers["x-hub-adapter"] = served.adapter->version_id;
  }
  return forward(request, upstream);
}

// Sends a request that was found valid to the engine of its model. The lease lives as long as the
// answer, so that the engine is not unloaded under a stream. An engine that ends before it says
// anything has cost nothing yet: the request goes to a new one, once.
Response pass_to_engine(hub::Hub& hub, const Request& request, const std::string& model) {
  if (model.empty()) {
    throw base::Error(
        base::ErrorCode::kInvalidArgument,
        "'model' is required: the name of a registered model (GET /v1/models lists them)",
        "model");
  }
  request.model = model;
  const hub::ServedModel served = hub.served_model(hub.resolver.resolve(model));
  const auto acquire = [&] { return std::make_shared<hub::EngineLease>(hub.pool.acquire(served)); };
  auto lease = acquire();
  Response response;
  try {
    response = forward_with(lease, request, model, served);
  } catch (const base::Error& error) {
    if (error.reason() != kEngineLost && error.reason() != kEngineUnavailable) {
      throw;
    }
    hub.pool.lost(*lease);
    lease = acquire();
    response = forward_with(lease, request, model, served);
  }
  if (response.stream) {
    response.stream = [lease, produce = std::move(response.stream)](BodyWriter& writer) {
      produce(writer);
    };
  }
  return response;
}

// Checked here, before an engine is loaded for a request that can never work; the engine parses the
// same bytes again.
Response chat(hub::Hub& hub, const Request& request) {
  const Json body = base::parse_json(request.body, "the request body");
  return pass_to_engine(hub, request, ChatRequest::from_json(body).options.model);
}

Response completion(hub::Hub& hub, const Request& request) {
  const Json body = base::parse_json(request.body, "the request body");
  return pass_to_engine(hub, request, CompletionRequest::from_json(body).options.model);
}

Json model_json(const registry::Model& model) {
  return {
      {"id", model.name},
      {"object", "model"},
      {"created", model.created_at_ms / 1000},
      {"owned_by", "mlx-hub"}};
}

Response list_served_models(hub::Hub& hub) {
  Json data = Json::array();
  registry::ListFilter filter;
  filter.limit = kPage;
  filter.ready_only = true;
  while (true) {
    const auto models = hub.models.list_models(filter);
    for (const registry::Model& model : models) {
      data.push_back(model_json(model));
    }
    if (models.size() < kPage) {
      return json_response(200, Json{{"object", "list"}, {"data", data}}.dump());
    }
    filter.after_id = models.back().id;
  }
}

Response get_served_model(hub::Hub& hub, const Request& request) {
  const std::string asked = request.params.at("model");
  const registry::ResolvedModel resolved = hub.resolver.resolve(asked);
  Json model = model_json(
      hub.models.get_model(resolved.adapter ? resolved.adapter->model_id : resolved.base.model_id));
  model["id"] = asked;
  return json_response(200, model.dump());
}

}  // namespace

std::vector<Route> inference_routes(hub::Hub& hub) {
  const auto chat_handler = [&hub](const Request& request) { return chat(hub, request); };
  const auto completion_handler = [&hub](const Request& request) {
    return completion(hub, request);
  };
  return {
      {"POST", "/v1/chat/completions", chat_handler},
      {"POST", "/chat/completions", chat_handler},
      {"POST", "/v1/completions", completion_handler},
      {"POST", "/completions", completion_handler},
      {"GET", "/v1/models", [&hub](const Request&) { return list_served_models(hub); }},
      {"GET",
       "/v1/models/{model}",
       [&hub](const Request& request) { return get_served_model(hub, request); }},
  };
}

}  // namespace hub::api

#include "api/handlers/inference.h"

#include <memory>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "api/handlers/capabilities.h"
#include "api/handlers/request_spans.h"
#include "api/openai/chat_request.h"
#include "api/openai/completion_request.h"
#include "api/openai/embedding_request.h"
#include "api/proxy/proxy.h"
#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/base/json_reader.h"

namespace hub::api {
namespace {

using base::Json;

constexpr int kPage = 200;  // models read from the registry at once

// What a client asked of which model.
struct Call : EngineCall {
  hub::ServedModel served;
};

struct Lease {
  std::shared_ptr<hub::EngineLease> engine;
  double seconds = 0.0;  // that it took, where the model had to be loaded
};

Lease acquire(hub::Hub& hub, const Request& request, const Call& call) {
  const double began = base::steady_seconds();
  ChildSpan span(hub.traces.requests(), request, "engine.acquire");
  span.set("gen_ai.request.model", call.model);
  try {
    auto lease = std::make_shared<hub::EngineLease>(hub.pool.acquire(call.served));
    lease->keep_alive(call.keep_alive_seconds);
    return {std::move(lease), base::steady_seconds() - began};
  } catch (const base::Error& error) {
    span.fail(std::string(to_string(error.code())), error.what());
    throw;
  }
}

// OpenTelemetry's GenAI conventions:
// https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/
std::shared_ptr<ChildSpan> begin_call(hub::Hub& hub, const Request& request, const Call& call) {
  auto span = std::make_shared<ChildSpan>(
      hub.traces.requests(), request, fmt::format("{} {}", call.operation, call.model), true);
  span->set("gen_ai.operation.name", std::string(call.operation));
  span->set("gen_ai.provider.name", std::string("mlx-hub"));
  span->set("gen_ai.request.model", call.model);
  span->set("mlx_hub.base_model", call.served.base_name);
  if (call.served.adapter) {
    span->set("mlx_hub.adapter", call.served.adapter->version_id);
  }
  return span;
}

// The lease and the span live as long as the answer.
Response forward_with(hub::Hub& hub, const Lease& lease, const Request& request, const Call& call) {
  const std::shared_ptr<ChildSpan> span = begin_call(hub, request, call);
  Upstream upstream;
  upstream.socket_path = lease.engine->socket().string();
  upstream.headers["x-hub-request-id"] = request.request_id;
  upstream.headers["x-hub-model"] = call.model;
  upstream.headers["x-hub-load-seconds"] = fmt::format("{:.9f}", lease.seconds);
  // Clients with keys learn nothing of each other's prompts, not by their speed either.
  upstream.headers["x-hub-cache-scope"] = request.key_id;
  if (call.served.adapter) {
    upstream.headers["x-hub-adapter"] = call.served.adapter->version_id;
  }
  if (std::string traceparent = span->traceparent(); !traceparent.empty()) {
    upstream.headers["traceparent"] = std::move(traceparent);
  }
  upstream.lost_text = call.lost_text;
  upstream.on_loss = [span] { span->fail(kEngineLost, "the engine ended in the middle"); };
  Response response;
  try {
    response = forward(request, upstream);
  } catch (const base::Error& error) {
    if (error.code() != base::ErrorCode::kCancelled) {  // the client's going away is no failure
      span->fail(error.reason(), error.what());
    }
    throw;
  }
  if (response.status >= 400) {
    span->fail(fmt::format("{}", response.status), "the engine refused it");
  }
  if (response.stream) {
    response.stream =
        [lease = lease.engine, span, produce = std::move(response.stream)](BodyWriter& writer) {
          produce(writer);
          span->end();
        };
  }
  return response;
}

// Whoever answers for the machine may let a request go ahead of all others.
void check_priority(hub::Hub& hub, const Request& request, int priority) {
  if (priority >= 0 || request.key_id.empty() ||
      registry::covers(hub.keys.get(request.key_id).scopes, registry::Scope::kAdmin)) {
    return;
  }
  throw base::Error(
      base::ErrorCode::kPermissionDenied,
      fmt::format(
          "'priority' {} goes ahead of other requests and needs a key with scope admin; key '{}' "
          "may ask for 0 and more",
          priority,
          request.key_name),
      "priority",
      "insufficient_scope");
}

Json body_of(const Request& request) {
  return base::parse_json(request.body, "the request body");
}

EngineCall generating(const char* operation, const GenerationOptions& options) {
  return {
      .operation = operation,
      .model = options.model,
      .keep_alive_seconds = options.keep_alive_seconds,
      .priority = options.priority};
}

// Checked here, before an engine is loaded for a request that can never work; the engine parses the
// same bytes again.
Response chat(hub::Hub& hub, const Request& request) {
  const ChatRequest asked = ChatRequest::from_json(body_of(request));
  return pass_to_engine(hub, request, generating("chat", asked.options));
}

Response completion(hub::Hub& hub, const Request& request) {
  const CompletionRequest asked = CompletionRequest::from_json(body_of(request));
  return pass_to_engine(hub, request, generating("text_completion", asked.options));
}

Response embeddings(hub::Hub& hub, const Request& request) {
  const EmbeddingRequest asked = EmbeddingRequest::from_json(body_of(request));
  return pass_to_engine(
      hub,
      request,
      {.operation = "embeddings",
       .model = asked.model,
       .keep_alive_seconds = asked.keep_alive_seconds,
       .makes_text = false});
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

Response pass_to_engine(hub::Hub& hub, const Request& request, const EngineCall& wanted) {
  check_priority(hub, request, wanted.priority);
  if (wanted.model.empty()) {
    throw base::Error(
        base::ErrorCode::kInvalidArgument,
        "'model' is required: the name of a registered model (GET /v1/models lists them)",
        "model");
  }
  request.model = wanted.model;
  const registry::ResolvedModel resolved = hub.resolver.resolve(wanted.model);
  if (wanted.makes_text && !makes_text(resolved.base)) {
    throw base::Error(
        base::ErrorCode::kInvalidArgument,
        fmt::format(
            "'{}' makes embeddings, it cannot chat or continue a text: POST /v1/embeddings takes "
            "it",
            wanted.model),
        "model",
        "model_makes_embeddings_only");
  }
  const Call call{wanted, hub.served_model(resolved)};
  Lease lease = acquire(hub, request, call);
  try {
    return forward_with(hub, lease, request, call);
  } catch (const base::Error& error) {
    if (error.reason() != kEngineLost && error.reason() != kEngineUnavailable) {
      throw;
    }
    hub.pool.lost(*lease.engine);
  }
  lease = acquire(hub, request, call);
  return forward_with(hub, lease, request, call);
}

std::vector<Route> inference_routes(hub::Hub& hub) {
  const auto chat_handler = [&hub](const Request& request) { return chat(hub, request); };
  const auto completion_handler = [&hub](const Request& request) {
    return completion(hub, request);
  };
  const auto embedding_handler = [&hub](const Request& request) {
    return embeddings(hub, request);
  };
  return {
      {"POST", "/v1/chat/completions", chat_handler},
      {"POST", "/chat/completions", chat_handler},
      {"POST", "/v1/completions", completion_handler},
      {"POST", "/completions", completion_handler},
      {"POST", "/v1/embeddings", embedding_handler},
      {"POST", "/embeddings", embedding_handler},
      {"GET", "/v1/models", [&hub](const Request&) { return list_served_models(hub); }},
      {"GET",
       "/v1/models/{model}",
       [&hub](const Request& request) { return get_served_model(hub, request); }},
  };
}

}  // namespace hub::api

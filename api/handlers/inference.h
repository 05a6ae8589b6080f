#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "api/server/http.h"
#include "core/base/error.h"
#include "core/hub/hub.h"

namespace hub::api {

// The OpenAI routes, with and without /v1: each request's `model` is resolved, its engine leased,
// and the bytes passed through. The hub must outlive the routes.
std::vector<Route> inference_routes(hub::Hub& hub);

// A request for a model's engine that was found valid, in whatever API's form.
struct EngineCall {
  const char* operation;  // of its span: "chat", "text_completion", "embeddings", "tokens"
  std::string model;      // as the client named it
  std::optional<double> keep_alive_seconds{};
  int priority = 0;
  bool makes_text = true;  // a model for embeddings alone is refused
  std::function<std::string(const base::Error&)> lost_text{};  // Upstream::lost_text
};

// Sends it on. The lease lives as long as the answer, so that the engine is not unloaded under a
// stream. An engine that ends before it says anything has cost nothing yet: the request goes to a
// new one, once. Throws what the resolver and the pool throw, kInvalidArgument without a model and
// for one that makes no text, kPermissionDenied for a priority that the key may not ask for.
Response pass_to_engine(hub::Hub& hub, const Request& request, const EngineCall& call);

}  // namespace hub::api

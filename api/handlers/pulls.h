#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "api/handlers/route_context.h"
#include "api/server/http.h"
#include "core/registry/records.h"

namespace hub::api {

// POST /models/{id}/pull and /models/{id}/push.
std::vector<Route> pull_routes(const RouteContext& context);

// The version that a `model` value means when only its weights are missing and the Hub has them: a
// pending version of a model that was registered from a repository. nullopt otherwise.
struct PendingModel {
  registry::Model model;
  registry::Version version;
};
std::optional<PendingModel> find_pending(hub::Hub& hub, std::string_view value);

}  // namespace hub::api

#include "api/handlers/imports.h"

#include <nlohmann/json.hpp>

#include "api/handlers/request_json.h"
#include "core/base/clock.h"

namespace hub::api {
namespace {

using base::Json;

Json import_json(const hub::ImportState& state) {
  return {
      {"request_id", state.request_id},
      {"name", state.name.empty() ? Json(nullptr) : Json(state.name)},
      {"source", state.source},
      {"stage", hub::to_string(state.stage)},
      {"done_bytes", state.done_bytes},
      {"total_bytes", state.total_bytes},
      {"started_at", base::rfc3339(state.started_at_ms)}};
}

Response list_imports(hub::Hub& hub, const Request& request) {
  refuse_unknown_query(request, {});
  Json data = Json::array();
  for (const hub::ImportState& state : hub.imports.list()) {
    data.push_back(import_json(state));
  }
  return list_response(std::move(data), std::nullopt);
}

}  // namespace

std::vector<Route> import_routes(const RouteContext& context) {
  hub::Hub& hub = context.hub;
  return {
      {"GET", "/imports", [&hub](const Request& request) { return list_imports(hub, request); }}};
}

}  // namespace hub::api

#include "api/handlers/mlflow.h"

#include <nlohmann/json.hpp>

#include "api/handlers/record_json.h"
#include "api/handlers/request_json.h"
#include "core/base/error.h"

namespace hub::api {
namespace {

using base::Json;

constexpr int kMostEntries = 1000;

// Throws kConflict where no server is set.
void need_server(hub::Hub& hub) {
  if (!hub.mlflow.enabled()) {
    throw base::Error(
        base::ErrorCode::kConflict,
        "no MLflow server is set: give `mlflow_uri`, or MLFLOW_TRACKING_URI, to mlx-hub serve",
        {},
        "mlflow_off");
  }
}

Json text_or_null(const std::string& text) {
  return text.empty() ? Json(nullptr) : Json(text);
}

Json state_json(hub::Hub& hub) {
  Json state = mlflow_json(hub);
  state["data"] = Json::array();
  state["next_cursor"] = nullptr;
  for (const auto& entry : hub.mlflow.entries(kMostEntries)) {
    state["data"].push_back(
        {{"object", entry.object},
         {"since", base::rfc3339(entry.since_ms)},
         {"attempts", entry.attempts},
         {"error", text_or_null(entry.error)},
         {"next_attempt_at",
          entry.not_before_ms == 0 ? Json(nullptr) : Json(base::rfc3339(entry.not_before_ms))}});
  }
  return state;
}

}  // namespace

Json mlflow_json(hub::Hub& hub) {
  if (!hub.mlflow.enabled()) {
    return nullptr;
  }
  const auto status = hub.mlflow.status();
  return {
      {"uri", status.uri},
      {"state", hub::to_string(status.state)},
      {"verified", status.verified},
      {"version", text_or_null(status.server_version)},
      {"error", text_or_null(status.error)},
      {"waiting", status.outbox.waiting},
      {"refused", status.outbox.refused},
      {"oldest", time_or_null(status.outbox.oldest_ms)},
      {"last_sent_at", time_or_null(status.last_sent_ms)}};
}

Json mlflow_json(hub::Hub& hub, const std::string& model_id) {
  if (!hub.mlflow.enabled()) {
    return nullptr;
  }
  const auto state = hub.mlflow.model_state(model_id);
  const char* word = state.waiting ? "waiting" : "synced";
  return {
      {"state", state.error.empty() ? word : "refused"},
      {"url", text_or_null(state.link)},
      {"error", text_or_null(state.error)}};
}

std::vector<Route> mlflow_routes(const RouteContext& context) {
  hub::Hub& hub = context.hub;
  return {
      {"GET",
       "/mlflow",
       [&hub](const Request& /*request*/) {
         need_server(hub);
         return json_answer(200, state_json(hub));
       }},
      {"POST", "/mlflow/retry", [&hub](const Request& /*request*/) {
         need_server(hub);
         hub.mlflow.retry();
         return json_answer(202, state_json(hub));
       }}};
}

}  // namespace hub::api

#include "api/routes.h"

#include <utility>

#include "api/handlers/anthropic.h"
#include "api/handlers/authorization.h"
#include "api/handlers/dashboard.h"
#include "api/handlers/inference.h"
#include "api/handlers/key_limits.h"
#include "api/handlers/llama_cpp.h"
#include "api/handlers/metrics.h"
#include "api/handlers/ollama.h"
#include "api/handlers/openapi.h"
#include "api/handlers/registry_routes.h"
#include "api/handlers/responses.h"
#include "api/handlers/system.h"
#include "api/handlers/unsupported.h"

namespace hub::api {

std::vector<Route> all_routes(hub::Hub& hub) {
  std::vector<Route> routes = system_routes(hub);
  for (auto& part :
       {inference_routes(hub),
        anthropic_routes(hub),
        ollama_routes(hub),
        llama_cpp_routes(hub),
        responses_routes(hub),
        registry_routes(hub),
        unsupported_routes(),
        openapi_routes(),
        metric_routes(hub.metrics),
        dashboard_routes(hub.config.ui_dir)}) {
    routes.insert(routes.end(), part.begin(), part.end());
  }
  if (!hub.config.telemetry) {
    std::erase_if(routes, [](const Route& route) { return route.pattern == "/metrics"; });
  }
  return with_audit(
      with_limits(std::move(routes), {hub.keys, hub.key_meter, hub.key_metrics}),
      hub.keys,
      hub.audit);
}

}  // namespace hub::api

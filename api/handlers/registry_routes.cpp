#include "api/handlers/registry_routes.h"

#include <utility>

#include "api/handlers/adapter_export.h"
#include "api/handlers/archives.h"
#include "api/handlers/datasets.h"
#include "api/handlers/events.h"
#include "api/handlers/imports.h"
#include "api/handlers/jobs.h"
#include "api/handlers/keys.h"
#include "api/handlers/logs.h"
#include "api/handlers/maintenance.h"
#include "api/handlers/mlflow.h"
#include "api/handlers/models.h"
#include "api/handlers/pulls.h"
#include "api/handlers/reproductions.h"
#include "api/handlers/versions.h"

namespace hub::api {

std::vector<Route> registry_routes(hub::Hub& hub) {
  const RouteContext context{
      hub, std::make_shared<registry::IdempotencyStore>(hub.database, hub.clock)};
  std::vector<Route> routes;
  for (auto make :
       {model_routes,
        pull_routes,
        version_routes,
        adapter_export_routes,
        archive_routes,
        import_routes,
        dataset_routes,
        job_routes,
        reproduction_routes,
        event_routes,
        key_routes,
        log_routes,
        maintenance_routes,
        mlflow_routes}) {
    for (Route& route : make(context)) {
      routes.push_back(std::move(route));
    }
  }
  return routes;
}

}  // namespace hub::api

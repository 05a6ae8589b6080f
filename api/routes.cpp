#include "api/routes.h"

#include <iterator>

#include "api/handlers/inference.h"
#include "api/handlers/system.h"

namespace hub::api {

std::vector<Route> all_routes(hub::Hub& hub) {
  std::vector<Route> routes = system_routes(hub);
  for (auto part : {inference_routes(hub)}) {
    routes.insert(
        routes.end(), std::make_move_iterator(part.begin()), std::make_move_iterator(part.end()));
  }
  return routes;
}

}  // namespace hub::api

#include "api/handlers/openapi.h"

namespace hub::api {

std::vector<Route> openapi_routes() {
  return {{"GET", "/openapi.json", [](const Request&) {
             return json_response(200, std::string(openapi_document()));
           }}};
}

}  // namespace hub::api

#include "api/handlers/dialect_errors.h"

#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "api/anthropic/error_form.h"
#include "api/ollama/ollama_format.h"
#include "core/base/lenient_json.h"

namespace hub::api {
namespace {

bool is_below(std::string_view path, std::string_view folder) {
  return path.starts_with(folder) && (path.size() == folder.size() || path[folder.size()] == '/');
}

std::string string_of(const base::Json& error, const char* name) {
  const auto found = error.find(name);
  return found != error.end() && found->is_string() ? found->get<std::string>() : "";
}

}  // namespace

void shape_error(const Request& request, Response& response) {
  const bool anthropic = is_below(request.path, "/v1/messages");
  if (!anthropic && !is_below(request.path, "/api")) {
    return;
  }
  const auto body = base::parse_json_if_valid(response.body);
  if (!body || !body->is_object() || !body->contains("error") || !body->at("error").is_object()) {
    return;
  }
  const base::Json& error = body->at("error");
  const std::string message = string_of(error, "message");
  if (anthropic) {
    response.headers["request-id"] = request.request_id;
    response.body =
        anthropic_error(response.status, message, string_of(error, "code"), request.request_id);
  } else {
    response.body = ollama_error(message);
  }
  response.body += '\n';
}

}  // namespace hub::api

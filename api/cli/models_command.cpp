#include <string>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "api/cli/commands.h"

namespace hub::api {
namespace {

using base::Json;

std::string text(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() && !found->get<std::string>().empty()
             ? found->get<std::string>()
             : "-";
}

std::string number(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number_integer()
             ? std::to_string(found->get<std::int64_t>())
             : "-";
}

std::string size(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number_integer() && found->get<std::int64_t>() >= 0
             ? size_text(found->get<std::uint64_t>())
             : "-";
}

// A model's own kind, else that of its newest version.
std::string kind(const Json& model) {
  if (model.contains("kind")) {
    return text(model, "kind");
  }
  const auto versions = model.find("versions");
  return versions != model.end() && versions->is_array() && !versions->empty()
             ? text(versions->back(), "kind")
             : "-";
}

}  // namespace

int models_command(HubClient& client, Console& console, bool json) {
  const Json models = client.list("/models");
  if (json) {
    console.out << models.dump(2) << std::endl;
    return 0;
  }
  if (models["data"].empty()) {
    console.err << "no models yet" << std::endl;
    return 0;
  }
  std::vector<std::vector<std::string>> rows{{"NAME", "STATE", "KIND", "SIZE", "CONTEXT", "BASE"}};
  for (const Json& model : models["data"]) {
    rows.push_back(
        {text(model, "name"),
         text(model, "state"),
         kind(model),
         size(model, "size_bytes"),
         number(model, "context_length"),
         text(model, "base_model")});
  }
  console.out << table(rows) << std::flush;
  return 0;
}

}  // namespace hub::api

#include "api/handlers/versions.h"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "api/handlers/idempotency.h"
#include "api/handlers/model_source.h"
#include "api/handlers/record_json.h"
#include "api/handlers/request_json.h"
#include "core/base/error.h"
#include "core/base/json_reader.h"

namespace hub::api {
namespace {

using base::Error;
using base::ErrorCode;
using base::Json;
using base::JsonReader;

registry::VersionKind read_kind(const std::string& word, const std::string& field) {
  const auto kind = registry::version_kind_from(word);
  if (!kind) {
    throw Error(
        ErrorCode::kInvalidArgument,
        fmt::format(
            "'{}' must be one of base, adapter, merged, quantized, got \"{}\"",
            field,
            word.substr(0, 60)),
        field);
  }
  return *kind;
}

// Figures by name.
std::string read_metrics(const JsonReader& body) {
  const Json* metrics = body.optional_object("metrics");
  if (metrics == nullptr) {
    return "{}";
  }
  const JsonReader reader(*metrics, "metrics");
  for (const auto& [name, value] : metrics->items()) {
    static_cast<void>(reader.value(name));
    static_cast<void>(reader.optional_number(name, -1e300, 1e300));
  }
  return metrics->dump();
}

Response add_version(hub::Hub& hub, const Request& request) {
  const Json json = request_json(request);
  const JsonReader body(json);
  body.refuse_unknown({"path", "base", "kind", "metrics", "storage"});
  const registry::Model model = hub.models.get_model(request.params.at("id"));
  const std::string path = body.string("path");
  const std::string metrics = read_metrics(body);
  const Storage storage = read_storage(body);
  std::optional<registry::VersionKind> kind;
  if (const auto word = body.optional_string("kind")) {
    kind = read_kind(*word, "kind");
  }
  const VersionPlace place{model.id, hub.models.next_number(model.id)};
  registry::NewVersion version =
      version_of_folder(hub, path, storage, place, body.optional_string("base"));
  try {
    const bool is_adapter = version.kind == registry::VersionKind::kAdapter;
    if (kind && (*kind == registry::VersionKind::kAdapter) != is_adapter) {
      throw Error(
          ErrorCode::kInvalidArgument,
          fmt::format(
              "'kind' is {}, but {} holds {}",
              registry::to_string(*kind),
              path,
              is_adapter ? "an adapter" : "a whole model"),
          "kind");
    }
    version.kind = kind.value_or(version.kind);
    version.metrics_json = metrics;
    version.number = place.number;
    return json_answer(201, version_json(hub, hub.models.add_version(model.id, version), true));
  } catch (...) {
    discard(hub, version, place);
    throw;
  }
}

Response list_versions(hub::Hub& hub, const Request& request, registry::ListFilter filter) {
  const Page page = read_page(request);
  filter.after_id = id_cursor(page);
  filter.limit = page.limit + 1;
  if (const std::string kind = request.query_value("kind"); !kind.empty()) {
    filter.kind = read_kind(kind, "kind");
  }
  return list_page(
      page,
      hub.models.list_versions(filter),
      [](const auto& row) { return row.id; },
      [&hub](const registry::Version& version) { return version_json(hub, version, false); });
}

Response list_of_model(hub::Hub& hub, const Request& request) {
  refuse_unknown_query(request, {"limit", "cursor", "kind"});
  registry::ListFilter filter;
  filter.model_id = hub.models.get_model(request.params.at("id")).id;
  return list_versions(hub, request, filter);
}

Response list_all(hub::Hub& hub, const Request& request) {
  refuse_unknown_query(request, {"limit", "cursor", "kind", "model"});
  registry::ListFilter filter;
  if (const std::string model = request.query_value("model"); !model.empty()) {
    filter.model_id = hub.models.get_model(model).id;
  }
  return list_versions(hub, request, filter);
}

Response get_file(hub::Hub& hub, const Request& request) {
  const registry::Version version = hub.models.get_version(request.params.at("id"));
  const std::string& name = request.params.at("name");
  const auto file =
      std::find_if(version.files.begin(), version.files.end(), [&](const auto& entry) {
        return entry.name == name;
      });
  if (file == version.files.end()) {
    throw Error(
        ErrorCode::kNotFound,
        fmt::format(
            "version {} of '{}' has no file \"{}\"",
            version.number,
            version.model_name,
            name.substr(0, 120)),
        "name",
        "file_not_found");
  }
  Response response;
  response.file = hub.artifacts.open(version.folder, file->name).string();
  response.headers["Content-Type"] =
      file->name.ends_with(".json") ? "application/json" : "application/octet-stream";
  response.headers["ETag"] = fmt::format("\"{}\"", file->sha256);
  return response;
}

}  // namespace

std::vector<Route> version_routes(const RouteContext& context) {
  hub::Hub& hub = context.hub;
  return {
      {"POST",
       "/models/{id}/versions",
       idempotent(
           context.idempotency,
           [&hub](const Request& request) { return add_version(hub, request); })},
      {"GET",
       "/models/{id}/versions",
       [&hub](const Request& request) { return list_of_model(hub, request); }},
      {"GET", "/versions", [&hub](const Request& request) { return list_all(hub, request); }},
      {"GET",
       "/versions/{id}",
       [&hub](const Request& request) {
         const auto version = hub.models.get_version(request.params.at("id"));
         return json_answer(200, version_json(hub, version, true));
       }},
      {"GET",
       "/versions/{id}/files/{name}",
       [&hub](const Request& request) { return get_file(hub, request); }},
  };
}

}  // namespace hub::api

#include "api/handlers/versions.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "api/handlers/idempotency.h"
#include "api/handlers/list_filters.h"
#include "api/handlers/model_source.h"
#include "api/handlers/record_json.h"
#include "api/handlers/request_json.h"
#include "core/base/error.h"
#include "core/base/json_reader.h"
#include "core/registry/lineage.h"

namespace hub::api {
namespace {

using base::Error;
using base::ErrorCode;
using base::Json;
using base::JsonReader;

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

Response add_version(hub::Hub& hub, const Request& request, const Commit& commit) {
  const Json json = request_json(request);
  const JsonReader body(json);
  body.refuse_unknown({"path", "base", "kind", "metrics", "storage"});
  const registry::Model model = hub.models.get_model(request.params.at("id"));
  const std::string path = body.string("path");
  const std::string metrics = read_metrics(body);
  const Storage storage = read_storage(body);
  std::optional<registry::VersionKind> kind;
  if (const auto word = body.optional_string("kind")) {
    kind = read_version_kind(*word, "kind");
  }
  const VersionPlace place{model.id, hub.models.next_number(model.id)};
  hub::ImportTable::Entry entry(hub.imports, request.request_id, model.name, path);
  registry::NewVersion version = version_of_folder(
      hub, path, storage, place, body.optional_string("base"), entry.watch(*request.cancelled));
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
    return commit([&] {
      return json_answer(201, version_json(hub, hub.models.add_version(model.id, version), true));
    });
  } catch (...) {
    discard(hub, version, place);
    throw;
  }
}

Response list_versions(hub::Hub& hub, const registry::VersionQuery& query) {
  const auto page = hub.catalog.versions(query);
  Json data = Json::array();
  for (const registry::VersionEntry& entry : page.entries) {
    data.push_back(version_json(hub, entry, false));
  }
  return list_response(std::move(data), page.next);
}

Response list_of_model(hub::Hub& hub, const Request& request) {
  const std::string id = hub.models.get_model(request.params.at("id")).id;
  return list_versions(hub, read_version_query(hub, request, id));
}

Response delete_version(hub::Hub& hub, const Request& request) {
  const registry::Version version = hub.models.remove_version(request.params.at("id"));
  hub.pool.unload(version.id);
  if (!version.by_reference && !version.folder.empty()) {
    hub.artifacts.remove(version.model_id, fmt::format("v{}", version.number));
    hub.artifacts.collect_garbage();
  }
  hub.remove_stale_prefixes();
  return no_content();
}

Json node_json(const registry::LineageNode& node) {
  using Kind = registry::LineageNode::Kind;
  const auto text = [](const std::string& value) {
    return value.empty() ? Json(nullptr) : Json(value);
  };
  switch (node.kind) {
    case Kind::kVersion:
      return {
          {"id", node.id},
          {"type", "version"},
          {"model", node.name},
          {"version", node.number},
          {"kind", registry::to_string(node.version_kind.value_or(registry::VersionKind::kBase))},
          {"state", node.state},
          {"digest", text(node.digest)}};
    case Kind::kDataset:
      return {
          {"id", node.id}, {"type", "dataset"}, {"name", text(node.name)}, {"digest", node.digest}};
    case Kind::kJob:
      return {
          {"id", node.id}, {"type", "job"}, {"kind", text(node.name)}, {"state", text(node.state)}};
  }
  return nullptr;
}

Response lineage_answer(const registry::LineageGraph& graph) {
  Json nodes = Json::array();
  for (const registry::LineageNode& node : graph.nodes) {
    nodes.push_back(node_json(node));
  }
  Json edges = Json::array();
  for (const registry::LineageEdge& edge : graph.edges) {
    edges.push_back({{"from", edge.from}, {"to", edge.to}, {"relation", edge.relation}});
  }
  return json_answer(
      200,
      {{"nodes", std::move(nodes)}, {"edges", std::move(edges)}, {"truncated", graph.truncated}});
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
           [&hub](const Request& request, const Commit& commit) {
             return add_version(hub, request, commit);
           })},
      {"GET",
       "/models/{id}/versions",
       [&hub](const Request& request) { return list_of_model(hub, request); }},
      {"GET",
       "/versions",
       [&hub](const Request& request) {
         return list_versions(hub, read_version_query(hub, request));
       }},
      {"GET",
       "/versions/{id}",
       [&hub](const Request& request) {
         return json_answer(
             200, version_json(hub, hub.catalog.version(request.params.at("id")), true));
       }},
      {"DELETE",
       "/versions/{id}",
       [&hub](const Request& request) { return delete_version(hub, request); }},
      {"GET",
       "/versions/{id}/lineage",
       [&hub](const Request& request) {
         return lineage_answer(registry::Lineage(hub.database).of_version(request.params.at("id")));
       }},
      {"GET",
       "/models/{id}/lineage",
       [&hub](const Request& request) {
         return lineage_answer(registry::Lineage(hub.database).of_model(request.params.at("id")));
       }},
      {"GET",
       "/versions/{id}/files/{name}",
       [&hub](const Request& request) { return get_file(hub, request); }},
  };
}

}  // namespace hub::api
